// SPDX-License-Identifier: GPL-2.0-only
/* Names of C++ and Rust, as compilers make them and as an attacker would. */
#include "src/symbols/demangle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define SIZE 101

static void check(const char *name, const char *expected)
{
	char text[SIZE];
	bool is_mangled = demangle(name, text, sizeof(text));

	assert_int_equal(is_mangled, expected != NULL);
	if (expected)
		assert_string_equal(text, expected);
}

static void of_compilers(void **state)
{
	(void)state;
	check("_ZN4pool6Client4openEi", "pool::Client::open");
	check("_ZN12_GLOBAL__N_14dialEv", "(anonymous namespace)::dial");
	check("_ZZ4mainENKUlvE_clEv", "main::{lambda()#1}::operator()");
	check("_ZN4pool6Client4openEi.isra.0", "pool::Client::open");
	check("_ZN6leaker4dial17h1a2b3c4d5e6f7890E", "leaker::dial");
	check("_ZN72_$LT$std..net..tcp..TcpStream$u20$as$u20$std..os..fd..raw..FromRawFd$GT$11from_raw_fd17h0123456789abcdefE",
	      "<std::net::tcp::TcpStream as std::os::fd::raw::FromRawFd>::from_raw_fd");
	check("_RNvNtCs1234_6leaker4pool4dial", "leaker::pool::dial");
	check("_RINvNtC3std3mem8align_ofdE", "std::mem::align_of::<f64>");
}

static void of_others(void **state)
{
	(void)state;
	check("main", NULL);
	check("", NULL);
	check("_", NULL);
	check("_Z", NULL);
	check("_R", NULL);
	check("_Znothing of the kind", NULL);
	check("_RRRRRRRR", NULL);
}

/* The function's own name is at the end: arguments of templates go first. */
static void too_long(void **state)
{
	char name[512], text[SIZE];
	int at = snprintf(name, sizeof(name), "_ZN3mapI");

	(void)state;
	for (int i = 0; i < 10; i++)
		at += snprintf(name + at, sizeof(name) - (size_t)at, "N4pool14rather_long_%02dE", i);
	snprintf(name + at, sizeof(name) - (size_t)at, "E4openEv");
	check(name, "map<..>::open");
	check("_ZN4pool3mapINS_26rather_long_name_of_a_typeENS0_INS_32rather_long_name_of_another_typeEiEEElsIiEEiT_",
	      "pool::map<pool::rather_long_name_of_a_type, pool::map<..> >::operator<< <int>");
	/* A < that begins a name is around no arguments: whose name it is would be lost. */
	check("_RINvMNtNtCsgEmfK2I1SDS_4core4cell4onceINtB3_8OnceCellINtNtB7_6result6ResultINtNtB7_6option6OptionINtNt"
	      "CslNYArtu3iFV_5alloc5boxed3BoxINtNtCs4X4t9plMPHF_9addr2line4unit7DwoUnitINtNtNtCsduwmD7cSIQq_"
	      "5gimli4read12endian_"
	      "slice11EndianSliceNtNtB2T_9endianity12LittleEndianEEEENtB2R_5ErrorEE8try_initNCINvB2_11get_or_initNCNvMB29_INt"
	      "B29_7ResUnitB2M_E14dwarf_and_units0_0E0zECsjrHSEGnQ3l9_3std",
	      "<core::cell::once::OnceCell<..>>::try_init::<..>");
	memset(name, 0, sizeof(name));
	memcpy(name, "_Z200", 5);
	memset(name + 5, 'x', 200);
	name[205] = 'v';
	assert_true(demangle(name, text, sizeof(text)));
	assert_int_equal(strlen(text), SIZE - 1);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A number as names refer back by it: in digits of `base`, one less, and nothing for 0. */
static int put_reference(char *to, size_t at, unsigned int base)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static const char capitals[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	const char *set = base == 62 ? digits : capitals;
	int len = 0;

	if (at > base)
		to[len++] = set[(at - 1) / base];
	if (at)
		to[len++] = set[(at - 1) % base];
	to[len++] = '_';
	return len;
}

/* Each argument is the one before it, twice. */
static void double_cpp(char *name, size_t size, size_t times)
{
	int at = snprintf(name, size, "_Z1fISt4pairIiiE");

	for (size_t i = 0; i < times; i++) {
		at += sprintf(name + at, "S0_I");
		for (int twice = 0; twice < 2; twice++) {
			name[at++] = 'S';
			at += put_reference(name + at, 2 + i, 36);
		}
		name[at++] = 'E';
	}
	sprintf(name + at, "Evv");
}

static void double_rust(char *name, size_t size, size_t times)
{
	int at = snprintf(name, size, "_RIC1fTllE"), last = 4;

	for (size_t i = 0; i < times; i++) {
		int here = at - 2;

		name[at++] = 'T';
		for (int twice = 0; twice < 2; twice++) {
			name[at++] = 'B';
			at += put_reference(name + at, (size_t)last, 62);
		}
		name[at++] = 'E';
		last = here;
	}
	sprintf(name + at, "E");
}

/* A few hundred bytes that stand for more than any disk holds. */
static void text_without_end(void **state)
{
	char name[1024], text[8192];
	double begin = seconds();

	(void)state;
	double_cpp(name, sizeof(name), 3);
	assert_true(demangle(name, text, sizeof(text)));
	assert_non_null(strstr(text, "std::pair<std::pair<std::pair<std::pair<int, int>, std::pair<int, int> >"));
	double_rust(name, sizeof(name), 3);
	assert_true(demangle(name, text, sizeof(text)));
	assert_non_null(strstr(text, "((((i32, i32), (i32, i32)), ((i32, i32), (i32, i32))), "));
	double_cpp(name, sizeof(name), 60);
	assert_true(demangle(name, text, sizeof(text)));
	assert_in_range(strlen(text), 4000, 4096);
	double_rust(name, sizeof(name), 60);
	assert_true(demangle(name, text, sizeof(text)));
	assert_in_range(strlen(text), 4000, 4096);
	assert_true(demangle(name, text, SIZE));
	assert_true(seconds() - begin < 1);
}

static void deep(void **state)
{
	char name[5000], text[SIZE];

	(void)state;
	for (size_t len = 3; len < sizeof(name); len += 37) {
		memset(name, 'P', len);
		memcpy(name, "_Z1f", 4);
		name[len - 1] = '\0';
		demangle(name, text, sizeof(text));
		memset(name, 'R', len);
		memcpy(name, "_RI", 3);
		name[len - 1] = '\0';
		demangle(name, text, sizeof(text));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_compilers),     cmocka_unit_test(of_others), cmocka_unit_test(too_long),
		cmocka_unit_test(text_without_end), cmocka_unit_test(deep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
