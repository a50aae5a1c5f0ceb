// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attaches a program that does nothing to each tracepoint that is named, as often as it is named, until standard input ends:
 * the floor that the benchmark compares with. Two instructions of BPF need no compiler.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int load_empty(int btf_id)
{
	/* r0 = 0; exit */
	static const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_RAW_TP, .attach_btf_id = btf_id);

	return bpf_prog_load(BPF_PROG_TYPE_TRACING, "empty", "GPL", insns, sizeof(insns) / sizeof(*insns), &opts);
}

/* A descriptor, or -errno. */
static int attach_empty(const struct btf *btf, const char *tracepoint)
{
	char type[128];
	int btf_id, prog;

	snprintf(type, sizeof(type), "btf_trace_%s", tracepoint);
	btf_id = btf__find_by_name_kind(btf, type, BTF_KIND_TYPEDEF);
	if (btf_id < 0)
		return btf_id;
	prog = load_empty(btf_id);
	return prog < 0 ? prog : bpf_raw_tracepoint_open(NULL, prog);
}

int main(int argc, char **argv)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int link;
	char c;

	if (!btf) {
		perror("empty: kernel BTF");
		return 1;
	}
	for (int i = 1; i < argc; i++) {
		link = attach_empty(btf, argv[i]);
		if (link < 0) {
			fprintf(stderr, "empty: %s: %s\n", argv[i], strerror(-link));
			return 1;
		}
	}
	puts("attached");
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	return 0;
}
