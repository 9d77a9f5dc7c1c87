/* SPDX-License-Identifier: BSD-2-Clause */
/* Our side of the instruction vectors: one vCPU with an identity map, and random requests from the rows of a64.def. */
#ifndef REPLAY_H
#define REPLAY_H

#include "base/error.h"
#include "base/types.h"
#include "vectors.h"

struct replay;

struct cpu_engine;
struct replay *replay_create(struct error *err);
/* Instructions run by an engine with these switches: from guest memory, at EL0. */
struct replay *replay_create_engine(const struct cpu_engine *engine, u32 switches, struct error *err);
void replay_destroy(struct replay *replay);
/* Runs the request's instruction; the result's bytes go to `to` (VECTORS_RESULT_MAX); returns their number. */
unsigned replay_run(struct replay *replay, const struct vector_request *request, uint8_t *to);
/* The same for `count` instructions one after another, from the inputs of `request`. At most REPLAY_SEQUENCE_MAX. */
#define REPLAY_SEQUENCE_MAX 40
unsigned replay_run_sequence(struct replay *replay, const struct vector_request *request, const uint32_t *words,
			     unsigned count, uint8_t *to);
/* The same, `times` times over; an engine has a loop that counts in x28. */
unsigned replay_run_loop(struct replay *replay, const struct vector_request *request, const uint32_t *words,
			 unsigned count, unsigned times, uint8_t *to);
/* What was run by an engine is forgotten, and the next goes to the same place as the first: its code is the same. */
void replay_restart(struct replay *replay);
/* Whether the instruction touches neither memory nor system state: what sequences are made of. */
bool replay_is_plain(uint32_t word);
/* Number of rows of a64.def; a request for `row`, or false: rows that vectors leave out. */
unsigned replay_row_count(void);
bool replay_request(unsigned row, uint64_t *random, struct vector_request *request);
/* Prints the state before, what was expected and what came. */
void replay_explain(const struct vector_request *request, const uint8_t *expected, const uint8_t *got);
const char *replay_row_name(uint32_t word);

#endif
