/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * insn_vectors requests PER_ROW SEED [ROW...]   random requests for every row (whose name starts with one of ROW) to
 * stdout insn_vectors undefined COUNT SEED             random words that we have no row for, branches and system space
 * left out insn_vectors check [LIMIT]                    results of another implementation from stdin against ours The
 * rest is tools/insn_vectors/run.sh.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/decode.h"
#include "replay.h"

static int write_requests(unsigned per_row, uint64_t seed, char **names)
{
	for (unsigned i = 0; i < per_row; i++)
		for (unsigned row = 0; row < replay_row_count(); row++) {
			struct vector_request request;
			bool wanted = !*names;
			for (char **n = names; *n; n++)
				wanted |= !strncmp(*n, a64_rows[row].name, strlen(*n));
			if (wanted && replay_request(row, &seed, &request))
				fwrite(&request, sizeof(request), 1, stdout);
		}
	return 0;
}

static int write_undefined(unsigned count, uint64_t seed)
{
	while (count) {
		uint64_t r = vectors_random(&seed);
		struct vector_request request = {
			.word = (uint32_t)r, .seed = (uint32_t)(r >> 32), .base = VECTORS_NONE, .index = VECTORS_NONE};
		unsigned op0 = request.word >> 25 & 15;
		struct insn insn;

		bool ours = false; /* might change what the harness needs */
		for (unsigned i = 0; i < 20; i += 5)
			ours |= (request.word >> i & 31) == 27 || (request.word >> i & 31) == 28;
		ours |= (request.word >> 16 & 31) == 27 || (request.word >> 16 & 31) == 28;
		if (ours || op0 < 4 || op0 == 10 || op0 == 11 || decode(request.word, &insn))
			continue;
		count--;
		fwrite(&request, sizeof(request), 1, stdout);
	}
	return 0;
}

static int check(unsigned limit)
{
	struct error err = {0};
	struct replay *replay = replay_create(&err);
	unsigned *failed = calloc(replay_row_count() + 1, sizeof(*failed));
	uint64_t total = 0, bad = 0;
	struct vector_result header;

	if (!replay) {
		fprintf(stderr, "%s\n", err.text);
		return 2;
	}
	while (fread(&header, sizeof(header), 1, stdin) == 1) {
		uint8_t expected[VECTORS_RESULT_MAX], got[VECTORS_RESULT_MAX];
		unsigned tail = vectors_tail(&header);
		struct insn insn;
		memcpy(expected, &header, sizeof(header));
		if (fread(expected + sizeof(header), 1, tail, stdin) != tail)
			break;
		unsigned n = replay_run(replay, &header.request, got);
		total++;
		if (n == sizeof(header) + tail && !memcmp(expected, got, n))
			continue;
		bad++;
		unsigned row = decode(header.request.word, &insn) ? insn.row : replay_row_count();
		if (failed[row]++ < limit)
			replay_explain(&header.request, expected, got);
	}
	for (unsigned row = 0; row < replay_row_count(); row++)
		if (failed[row])
			printf("%-20s %u failed\n", a64_rows[row].name, failed[row]);
	printf("%llu instructions, %llu failed\n", (unsigned long long)total, (unsigned long long)bad);
	replay_destroy(replay);
	free(failed);
	return bad != 0;
}

int main(int argc, char **argv)
{
	if (argc >= 4 && !strcmp(argv[1], "requests"))
		return write_requests((unsigned)strtoul(argv[2], NULL, 0), strtoull(argv[3], NULL, 0), argv + 4);
	if (argc >= 4 && !strcmp(argv[1], "undefined"))
		return write_undefined((unsigned)strtoul(argv[2], NULL, 0), strtoull(argv[3], NULL, 0));
	if (argc >= 2 && !strcmp(argv[1], "check"))
		return check(argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0) : 2);
	fprintf(stderr, "usage: insn_vectors requests PER_ROW SEED [ROW...] | undefined COUNT SEED | check [LIMIT]\n");
	return 2;
}
