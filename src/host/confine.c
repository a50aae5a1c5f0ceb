// SPDX-License-Identifier: GPL-2.0-only
#include "confine.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int confine_begin(void)
{
	return capng_get_caps_process() ? -EPERM : 0;
}

int confine_limit(int resource, rlim_t value)
{
	return setrlimit(resource, &(struct rlimit){value, value}) ? -errno : 0;
}

int confine_memory(rlim_t bytes)
{
#ifdef __SANITIZE_ADDRESS__ /* which needs terabytes of addresses */
	(void)bytes;
	return 0;
#else
	return confine_limit(RLIMIT_AS, bytes);
#endif
}

bool confine_can(unsigned int capability)
{
	return capng_have_capability(CAPNG_EFFECTIVE, capability);
}

bool confine_can_change_user(void)
{
	return !geteuid() && confine_can(CAP_SETUID) && confine_can(CAP_SETGID) && confine_can(CAP_KILL);
}

int confine_user(uid_t uid)
{
	if (!confine_can_change_user())
		return 0;
	if (prctl(PR_SET_KEEPCAPS, 1) || setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
		return -errno;
	return 0;
}

int confine_capabilities(const unsigned int *keep, size_t n)
{
	bool has[CAP_LAST_CAP + 1];

	for (size_t i = 0; i < n; i++)
		has[keep[i]] = confine_can(keep[i]);
	capng_clear(CAPNG_SELECT_ALL);
	for (size_t i = 0; i < n; i++) {
		if (has[keep[i]] && capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, keep[i]))
			return -EPERM;
	}
	return capng_apply(CAPNG_SELECT_CAPS) ? -EPERM : 0;
}

int confine_finish(void)
{
	return prctl(PR_SET_DUMPABLE, 0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;
}

/* By the kernel's own calls: libcap-ng reads and writes what belongs to the process, too. */
static int get_own(struct __user_cap_data_struct caps[2])
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};

	return syscall(SYS_capget, &head, caps) ? -errno : 0;
}

static int set_own(const struct __user_cap_data_struct caps[2])
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};

	return syscall(SYS_capset, &head, caps) ? -errno : 0;
}

int confine_thread(const unsigned int *keep, size_t n)
{
	struct __user_cap_data_struct caps[2];
	uint32_t kept[2] = {0};
	int err = get_own(caps);

	for (size_t i = 0; i < n; i++)
		kept[keep[i] / 32] |= 1u << keep[i] % 32;
	for (size_t i = 0; i < 2; i++) {
		caps[i].permitted &= kept[i];
		caps[i].effective &= kept[i];
		caps[i].inheritable &= kept[i]; /* and the kernel takes what is ambient with it */
	}
	return err ?: set_own(caps);
}

int confine_use(unsigned int capability, bool use)
{
	struct __user_cap_data_struct caps[2];
	uint32_t bit = 1u << capability % 32;
	int err = get_own(caps);

	if (use)
		caps[capability / 32].effective |= caps[capability / 32].permitted & bit;
	else
		caps[capability / 32].effective &= ~bit;
	return err ?: set_own(caps);
}
