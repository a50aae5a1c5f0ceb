// SPDX-License-Identifier: GPL-2.0-only
/* What container runtimes write into cgroup paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "src/host/cgroup.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID2 "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define HASH "1a2b3c4d5e6f708192a3b4c5d6e7f801"
#define POD "3b7c9f62-04ad-4f6b-9c1e-8a52d0e7f413"

static const struct {
	const char *path, *id, *pod; /* NULL: none */
} paths[] = {
	{"/", NULL, NULL},
	{"/system.slice/nginx.service", NULL, NULL},
	{"/system.slice/docker-" ID ".scope", ID, NULL},
	{"/docker/" ID, ID, NULL},
	{"/machine.slice/libpod-" ID ".scope/container", ID, NULL},
	{"/docker/" ID "/docker/" ID2, ID2, NULL},
	{"/kubepods/besteffort/pod" POD "/" ID, ID, POD},
	{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod3b7c9f62_04ad_4f6b_9c1e_8a52d0e7f413.slice/"
	 "cri-containerd-" ID ".scope",
	 ID, POD},
	{"/kubepods.slice/kubepods-pod3b7c9f62_04ad_4f6b_9c1e_8a52d0e7f413.slice/crio-" ID ".scope", ID, POD},
	{"/docker/" ID "0", NULL, NULL}, /* 65 digits */
	{"/docker/0123456789abcdef", NULL, NULL},
	{"/podinfo/pod" POD, NULL, POD},
	{"/pod3b7c9f62-04ad-4f6b-9c1e-8a52d0e7f41", NULL, NULL}, /* a digit short */
	{"/pod", NULL, NULL},
	{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" HASH ".slice/cri-containerd-" ID ".scope", ID, HASH},
	{"/kubepods/besteffort/pod" HASH "/" ID, ID, HASH},
	{"/pod" HASH "0", NULL, NULL}, /* 33 digits */
	{"/pod" ID, NULL, NULL},
};

static void container_and_pod(void **state)
{
	char pod[POD_UID_LEN];
	const char *id;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		print_message("%s\n", paths[i].path);
		id = cgroup_container_id(paths[i].path);
		assert_int_equal(id != NULL, paths[i].id != NULL);
		if (id)
			assert_memory_equal(id, paths[i].id, CONTAINER_ID_LEN);
		assert_int_equal(cgroup_pod_uid(paths[i].path, pod), paths[i].pod ? strlen(paths[i].pod) : 0);
		if (paths[i].pod)
			assert_memory_equal(pod, paths[i].pod, strlen(paths[i].pod));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(container_and_pod),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
