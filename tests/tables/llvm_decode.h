/* SPDX-License-Identifier: BSD-2-Clause */
/* See llvm_decode.cpp. */
#ifndef TESTS_LLVM_DECODE_H
#define TESTS_LLVM_DECODE_H

#ifdef __cplusplus
extern "C" {
#endif

struct llvm_decoder;
/* NULL: this LLVM knows no AArch64. */
struct llvm_decoder *llvm_decoder_create(const char *features);
int llvm_decoder_run(struct llvm_decoder *decoder, unsigned word);
void llvm_decoder_destroy(struct llvm_decoder *decoder);

#ifdef __cplusplus
}
#endif
#endif
