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

#define ALL 10000 /* root has the whole path for itself */
#define SLICE_OF_POD "kubepods-burstable-pod3b7c9f62_04ad_4f6b_9c1e_8a52d0e7f413.slice"
#define USER "/user.slice/user-1000.slice/user@1000.service"

static const struct {
	const char *path;
	int root_len;
	const char *id, *pod; /* NULL: none */
	bool id_claimed, pod_claimed;
} paths[] = {
	{"/", ALL, NULL, NULL, false, false},
	{"/system.slice/nginx.service", ALL, NULL, NULL, false, false},
	{"/system.slice/docker-" ID ".scope", ALL, ID, NULL, false, false},
	{"/docker/" ID, ALL, ID, NULL, false, false},
	{"/machine.slice/libpod-" ID ".scope/container", ALL, ID, NULL, false, false},
	{"/kubepods/besteffort/pod" POD "/" ID, ALL, ID, POD, false, false},
	{"/kubepods.slice/kubepods-burstable.slice/" SLICE_OF_POD "/cri-containerd-" ID ".scope", ALL, ID, POD, false, false},
	{"/kubepods.slice/kubepods-pod3b7c9f62_04ad_4f6b_9c1e_8a52d0e7f413.slice/crio-" ID ".scope", ALL, ID, POD, false,
	 false},
	{"/docker/" ID "0", ALL, NULL, NULL, false, false}, /* 65 digits */
	{"/docker/0123456789abcdef", ALL, NULL, NULL, false, false},
	{"/docker/0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", ALL, NULL, NULL, false, false},
	{"/podinfo/pod" POD, ALL, NULL, POD, false, false},
	{"/pod3b7c9f62-04ad-4f6b-9c1e-8a52d0e7f41", ALL, NULL, NULL, false, false}, /* a digit short */
	{"/pod", ALL, NULL, NULL, false, false},
	{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" HASH ".slice/cri-containerd-" ID ".scope", ALL, ID,
	 HASH, false, false},
	{"/kubepods/besteffort/pod" HASH "/" ID, ALL, ID, HASH, false, false},
	{"/pod" HASH "0", ALL, NULL, NULL, false, false}, /* 33 digits */
	{"/pod" ID, ALL, NULL, NULL, false, false},
	/* a container in a container, and what a process makes below its own */
	{"/docker/" ID "/docker/" ID2, ALL, ID, NULL, false, false},
	{"/docker/" ID "/kubelet.slice/" SLICE_OF_POD "/cri-containerd-" ID2 ".scope", ALL, ID, NULL, false, false},
	{"/kubepods/pod" POD "/" ID "/pod" HASH "/" ID2, ALL, ID, POD, false, false},
	{"/system.slice/docker-" ID ".scope/libpod-" ID2 ".scope", ALL, ID, NULL, false, false},
	{"/system.slice/nginx.service/docker-" ID ".scope", ALL, ID, NULL, true, false},
	{"/system.slice/run-u7.scope/docker/" ID, ALL, ID, NULL, true, false},
	/* rootless runtimes, and users' inventions */
	{USER "/user.slice/libpod-" ID ".scope/container", ALL, ID, NULL, true, false},
	{USER "/app.slice/docker-" ID ".scope", ALL, ID, NULL, true, false},
	{"/user.slice/docker-" ID ".scope", ALL, ID, NULL, true, false},
	{USER "/kubepods/pod" POD "/" ID, ALL, ID, POD, true, true},
	/* whose the directories are */
	{"/docker/" ID, 7, ID, NULL, false, false}, /* the container's own is another's, by userns-remap */
	{"/docker/" ID, 0, ID, NULL, true, false},
	{"/docker/" ID, -1, ID, NULL, true, false},
	{"/" ID, 0, ID, NULL, false, false},
	{"/" ID, -1, ID, NULL, true, false},
	{"/kubepods/pod" POD "/" ID, 9, ID, POD, true, false},
	{"/kubepods/pod" POD "/" ID, 8, ID, POD, true, true},
	/* other units that are named after a container */
	{"/system.slice/var-lib-docker-containers-" ID "-mounts-shm.mount", ALL, NULL, NULL, false, false},
	{"/system.slice/" ID ".service", ALL, NULL, NULL, false, false},
	{"/machine.slice/libpod-conmon-" ID ".scope", ALL, NULL, NULL, false, false},
	{"/kubepods.slice/" SLICE_OF_POD "/crio-conmon-" ID ".scope", ALL, NULL, POD, false, false},
	{"/" ID ".slice", ALL, NULL, NULL, false, false},
};

static void container_and_pod(void **state)
{
	struct cgroup_container c;

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		print_message("%s, root has %d\n", paths[i].path, paths[i].root_len);
		cgroup_container(paths[i].path, paths[i].root_len, &c);
		assert_int_equal(c.id != NULL, paths[i].id != NULL);
		if (c.id)
			assert_memory_equal(c.id, paths[i].id, CONTAINER_ID_LEN);
		assert_int_equal(c.pod_uid_len, paths[i].pod ? strlen(paths[i].pod) : 0);
		if (paths[i].pod)
			assert_memory_equal(c.pod_uid, paths[i].pod, strlen(paths[i].pod));
		assert_int_equal(c.id_claimed, paths[i].id_claimed);
		assert_int_equal(c.pod_claimed, paths[i].pod_claimed);
	}
}

static void units(void **state)
{
	static const struct {
		const char *path, *unit;
	} rows[] = {
		{"/system.slice/nginx.service", "nginx.service"},
		{"/system.slice/system-postgresql.slice/postgresql@15-main.service", "postgresql@15-main.service"},
		{"/user.slice/user-1000.slice/session-3.scope", "session-3.scope"},
		{"/user.slice/user-1000.slice/user@1000.service/app.slice/mine.service", "user@1000.service"},
		{"/system.slice/docker-" ID ".scope/init.scope", "docker-" ID ".scope"},
		{"/system.slice/nginx.service/ssh.service", "nginx.service"},
		{"/init.scope", "init.scope"},
		{"/kubepods/pod/x.service", NULL}, /* not made by systemd */
		{"/system.slice", NULL},
		{"/system.slice/.service", NULL},
		{"/", NULL},
		{"", NULL},
	};
	const char *unit;
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("%s\n", rows[i].path);
		unit = cgroup_unit(rows[i].path, &len);
		assert_int_equal(len, rows[i].unit ? strlen(rows[i].unit) : 0);
		assert_int_equal(!unit, !rows[i].unit);
		if (unit)
			assert_memory_equal(unit, rows[i].unit, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(container_and_pod),
		cmocka_unit_test(units),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
