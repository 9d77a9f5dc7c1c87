/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LLVM's decoder without its printer: whether a word is an instruction, some ten times as fast as by the C interface. For the
 * comparison of all 2^32 words (decode_all.c); built where LLVM's headers are. Any number of threads, a decoder each.
 */
#include <llvm/MC/MCAsmInfo.h>
#include <llvm/MC/MCContext.h>
#include <llvm/MC/MCDisassembler/MCDisassembler.h>
#include <llvm/MC/MCInst.h>
#include <llvm/MC/MCRegisterInfo.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/MC/MCTargetOptions.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Support/raw_ostream.h>

#include "tables/llvm_decode.h"

struct llvm_decoder {
	std::unique_ptr<llvm::MCRegisterInfo> registers;
	std::unique_ptr<llvm::MCAsmInfo> assembly;
	std::unique_ptr<llvm::MCSubtargetInfo> subtarget;
	std::unique_ptr<llvm::MCContext> context;
	std::unique_ptr<llvm::MCDisassembler> disassembler;
	llvm::MCInst instruction;
};

struct llvm_decoder *llvm_decoder_create(const char *features)
{
	const char *triple = "aarch64-linux-gnu";
	std::string error;

	LLVMInitializeAArch64TargetInfo();
	LLVMInitializeAArch64TargetMC();
	LLVMInitializeAArch64Disassembler();
	const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
	if (!target)
		return nullptr;
	auto decoder = new llvm_decoder;
	decoder->registers.reset(target->createMCRegInfo(triple));
	decoder->assembly.reset(target->createMCAsmInfo(*decoder->registers, triple, llvm::MCTargetOptions()));
	decoder->subtarget.reset(target->createMCSubtargetInfo(triple, "generic", features));
	decoder->context.reset(new llvm::MCContext(llvm::Triple(triple), decoder->assembly.get(), decoder->registers.get(),
						   decoder->subtarget.get()));
	decoder->disassembler.reset(target->createMCDisassembler(*decoder->subtarget, *decoder->context));
	return decoder;
}

int llvm_decoder_run(struct llvm_decoder *decoder, unsigned word)
{
	unsigned char bytes[4] = {(unsigned char)word, (unsigned char)(word >> 8), (unsigned char)(word >> 16), (unsigned char)(word >> 24)};
	uint64_t size;

	decoder->instruction.clear();
	return decoder->disassembler->getInstruction(decoder->instruction, size, bytes, 0, llvm::nulls()) ==
	       llvm::MCDisassembler::Success;
}

void llvm_decoder_destroy(struct llvm_decoder *decoder)
{
	delete decoder;
}
