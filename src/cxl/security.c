/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sanitize, Secure Erase and passphrases. [CXL3.1 8.2.9.9.5, 8.2.9.9.6]
 *
 * While Sanitize runs, in background and not to be aborted, media are disabled: the map has no pointer to them, reads
 * give random data, writes are lost, commands that need media say so. At its end media and label storage are zero,
 * nothing is poisoned, and the event logs are empty. One that was cut short, by a reset or the end of the process,
 * leaves media disabled until another has succeeded. Secure Erase makes user data zero at once, of persistent memory
 * alone if a passphrase comes with it: labels and event logs stay.
 *
 * A user passphrase locks persistent media at every conventional reset, until Unlock; three wrong ones and none is
 * taken until a machine reset, which stands for a power cycle. Nothing but a salted hash of a passphrase exists once
 * its command is over; where the device keeps a state file (keep.c), that has it too, so that the lock outlasts the
 * process. Media are not encrypted: who has the files can read them. Machine lock.
 */
#include <assert.h>
#include <crypt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/trace.h"
#include "cxl/host.h"
#include "cxl/type3.h"

#define ATTEMPTS_MAX 3 /* [CXL3.1 8.2.9.9.6.1] */
#define HASH_DIGITS 86 /* 512 bits, 6 in each */

bool media_disabled(const struct cxl_type3 *dev, u64 *from, u64 *end)
{
	bool locked = dev->security.state & SECURITY_LOCKED;

	*from = dev->sanitizing ? 0 : dev->volatile_bytes;
	*end = dev->sanitizing ? type3_capacity(dev) : dev->volatile_bytes + dev->persistent_bytes;
	return *from < *end && (dev->sanitizing || locked);
}

/* What a command about these addresses is answered: locked is persistent memory, and not what is beside it. */
u16 media_state(const struct cxl_type3 *dev, u64 dpa, u64 size)
{
	u64 from, end;

	if (!media_disabled(dev, &from, &end) || dpa >= end || dpa + size <= from)
		return CXL_SUCCESS;
	return dev->sanitizing ? CXL_MEDIA_DISABLED : CXL_INVALID_SECURITY_STATE;
}

/* What cannot be written can be neither erased nor repaired, and nobody is to believe that it was. */
bool media_is_readonly(const struct cxl_type3 *dev, u64 dpa, u64 size)
{
	for (u64 at = dpa, end = dpa + size, offset, left; at < end; at += left) {
		const struct backend *backend = type3_backend(dev, at, &offset, &left);

		if (!backend || backend->readonly)
			return true;
	}
	return false;
}

/* User data, of persistent memory or of all. Everybody stands off: the bytes are at home and nobody points at them. */
static void erase_data(struct cxl_type3 *dev, bool persistent_only)
{
	u64 from = persistent_only ? dev->volatile_bytes : 0, offset, left;
	u64 end = persistent_only ? from + dev->persistent_bytes : type3_capacity(dev);

	for (u64 at = from; at < end; at += left) {
		struct backend *backend = type3_backend(dev, at, &offset, &left);

		assert(backend);
		left = MIN(left, end - at);
		backend_zero(backend, offset, left);
	}
	if (persistent_only)
		poison_clear(dev, dev->volatile_bytes, dev->persistent_bytes);
	else
		poison_clear_all(dev);
}

/* By capacity, in guest time: 4 s up to 512 MiB, then longer by and by, at most 4 hours. */
static u64 sanitize_ns(u64 size)
{
	static const struct {
		u64 gib;
		u64 seconds;
	} steps[] = {
		{1, 8}, {4, 15}, {16, 60}, {64, 10 * 60}, {256, 30 * 60}, {1024, 60 * 60}, {4096, 2 * 60 * 60},
	};

	if (size <= 512 * MiB)
		return 4 * 1000000000ull;
	for (unsigned n = 0; n < ARRAY_SIZE(steps); n++)
		if (size <= steps[n].gib * GiB)
			return steps[n].seconds * 1000000000ull;
	return 4 * 3600 * 1000000000ull;
}

static void sanitize_done(void *owner, u16 code)
{
	struct cxl_type3 *dev = owner;

	if (code != CXL_SUCCESS) {
		trace(CXL, "%s: sanitize was cut short: media stay disabled", dev->name);
		return;
	}
	erase_data(dev, false);
	if (dev->lsa) {
		backend_zero(dev->lsa, 0, dev->lsa->size);
		label_repair(dev, 0, dev->lsa->size);
	}
	events_forget(dev);
	dev->sanitizing = false;
	keep_store(dev);
	trace(CXL, "%s: sanitized, media enabled", dev->name);
	cxl_map_changed(dev->host);
}

static bool is_secured(const struct cxl_type3 *dev)
{
	return dev->security.state & (SECURITY_USER_SET | SECURITY_LOCKED);
}

u16 cmd_sanitize(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	u16 code;

	if (is_secured(dev))
		return CXL_INVALID_SECURITY_STATE;
	if (media_is_readonly(dev, 0, type3_capacity(dev)) || (dev->lsa && dev->lsa->readonly))
		return CXL_INTERNAL_ERROR;
	code = background_start(&dev->background, 0x4400, sanitize_ns(type3_capacity(dev)), false, sanitize_done);
	if (code == CXL_BACKGROUND_STARTED) {
		dev->sanitizing = true;
		keep_store(dev);
		trace(CXL, "%s: sanitizing, media disabled", dev->name);
		cxl_map_changed(dev->host);
	}
	return code;
}

/* Media are off while they are erased, so that nobody holds a pointer to them and the bytes are at home. */
static void erase_now(struct cxl_type3 *dev, bool persistent_only)
{
	dev->sanitizing = true;
	cxl_map_changed(dev->host);
	erase_data(dev, persistent_only);
	dev->sanitizing = false;
	cxl_map_changed(dev->host);
}

/* Security is disabled, or unlocked. */
u16 cmd_secure_erase(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	if (dev->security.state & SECURITY_LOCKED)
		return CXL_INVALID_SECURITY_STATE;
	if (dev->background.is_running)
		return CXL_BUSY;
	if (media_is_readonly(dev, 0, type3_capacity(dev)))
		return CXL_INTERNAL_ERROR;
	erase_now(dev, false);
	return CXL_SUCCESS;
}

u16 cmd_get_security_state(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	mbox_put(out, 4, dev->security.state);
	return CXL_SUCCESS;
}

/* SHA-512 of libcrypt, for 32 bytes of any value: their digits are hashed. False: the host cannot. */
static bool hash_passphrase(const u8 *given, const char *setting, char hash[PASSPHRASE_HASH_MAX])
{
	struct crypt_data *work = calloc(1, sizeof(*work));
	char digits[2 * PASSPHRASE_BYTES + 1];
	const char *result;
	bool ok;

	for (unsigned n = 0; n < PASSPHRASE_BYTES; n++)
		snprintf(digits + 2 * n, 3, "%02x", given[n]);
	result = work ? crypt_r(digits, setting, work) : NULL;
	ok = result && result[0] == '$' && strlen(result) < PASSPHRASE_HASH_MAX;
	if (ok)
		strcpy(hash, result);
	explicit_bzero(digits, sizeof(digits));
	if (work)
		explicit_bzero(work, sizeof(*work));
	free(work);
	return ok;
}

/* A whole one: no passphrase would ever match what was cut short. */
static bool is_hash(const char *text)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789./$";
	const char *digest = strrchr(text, '$');

	return !strncmp(text, "$6$", 3) && digest - text > 3 && strlen(digest + 1) == HASH_DIGITS &&
	       strspn(text, letters) == strlen(text) && strlen(text) < PASSPHRASE_HASH_MAX;
}

bool security_restore(struct cxl_type3 *dev, const char *user, const char *master)
{
	struct security *s = &dev->security;

	if ((user[0] && !is_hash(user)) || (master[0] && !is_hash(master)))
		return false;
	strcpy(s->user, user);
	strcpy(s->master, master);
	s->state |= (user[0] ? SECURITY_USER_SET : 0) | (master[0] ? SECURITY_MASTER_SET : 0);
	return true;
}

/* A passphrase against the one that is set; wrong ones count. */
static u16 check_passphrase(struct cxl_type3 *dev, unsigned type, const u8 *given)
{
	struct security *s = &dev->security;
	bool user = type == PASSPHRASE_USER;
	u8 *failures = user ? &s->user_failures : &s->master_failures;
	const char *right = user ? s->user : s->master;
	char hash[PASSPHRASE_HASH_MAX];

	if (s->state & (user ? SECURITY_USER_LIMIT : SECURITY_MASTER_LIMIT))
		return CXL_INVALID_SECURITY_STATE;
	if (!hash_passphrase(given, right, hash))
		return CXL_INTERNAL_ERROR;
	if (!strcmp(hash, right)) {
		*failures = 0;
		return CXL_SUCCESS;
	}
	if (++*failures >= ATTEMPTS_MAX)
		s->state |= user ? SECURITY_USER_LIMIT : SECURITY_MASTER_LIMIT;
	return CXL_INCORRECT_PASSPHRASE;
}

/* Type and 31 reserved bytes come first. */
static u16 get_type(struct cxl_type3 *dev, struct mbox_in *in, unsigned *type)
{
	*type = mbox_get(in, 1);
	mbox_get_bytes(in, PASSPHRASE_BYTES - 1);
	if (*type > PASSPHRASE_USER)
		return CXL_INVALID_INPUT;
	return dev->security.state & (SECURITY_FROZEN | SECURITY_LOCKED) || !dev->persistent_bytes ?
		       CXL_INVALID_SECURITY_STATE :
		       CXL_SUCCESS;
}

u16 cmd_set_passphrase(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	struct security *s = &dev->security;
	unsigned type;
	u16 code = get_type(dev, in, &type), set = type == PASSPHRASE_USER ? SECURITY_USER_SET : SECURITY_MASTER_SET;
	const u8 *current = mbox_get_bytes(in, PASSPHRASE_BYTES), *next = mbox_get_bytes(in, PASSPHRASE_BYTES);
	char salt[CRYPT_GENSALT_OUTPUT_SIZE];

	if (code != CXL_SUCCESS)
		return code;
	if (!current || !next)
		return CXL_INVALID_PAYLOAD_LENGTH;
	if (type == PASSPHRASE_MASTER && (s->state & SECURITY_USER_SET))
		return CXL_INVALID_SECURITY_STATE; /* only while security is disabled */
	if ((s->state & set) && (code = check_passphrase(dev, type, current)) != CXL_SUCCESS)
		return code;
	if (!crypt_gensalt_rn("$6$", 0, NULL, 0, salt, sizeof(salt)) ||
	    !hash_passphrase(next, salt, type == PASSPHRASE_USER ? s->user : s->master))
		return CXL_INTERNAL_ERROR;
	s->state |= set;
	keep_store(dev);
	return CXL_SUCCESS;
}

u16 cmd_disable_passphrase(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	struct security *s = &dev->security;
	unsigned type;
	u16 code = get_type(dev, in, &type), set = type == PASSPHRASE_USER ? SECURITY_USER_SET : SECURITY_MASTER_SET;
	const u8 *current = mbox_get_bytes(in, PASSPHRASE_BYTES);

	if (code != CXL_SUCCESS)
		return code;
	if (!current)
		return CXL_INVALID_PAYLOAD_LENGTH;
	if (!(s->state & set))
		return CXL_INVALID_SECURITY_STATE;
	if ((code = check_passphrase(dev, type, current)) != CXL_SUCCESS)
		return code;
	(type == PASSPHRASE_USER ? s->user : s->master)[0] = 0;
	s->state &= ~set;
	keep_store(dev);
	return CXL_SUCCESS;
}

u16 cmd_unlock(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	const u8 *given = mbox_get_bytes(in, PASSPHRASE_BYTES);
	u16 code;

	if (!given)
		return CXL_INVALID_PAYLOAD_LENGTH;
	if ((dev->security.state & SECURITY_FROZEN) || !(dev->security.state & SECURITY_LOCKED))
		return CXL_INVALID_SECURITY_STATE;
	code = check_passphrase(dev, PASSPHRASE_USER, given);
	if (code == CXL_SUCCESS) {
		dev->security.state &= ~SECURITY_LOCKED;
		trace(CXL, "%s: unlocked", dev->name);
		cxl_map_changed(dev->host);
	}
	return code;
}

u16 cmd_freeze_security(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	dev->security.state |= SECURITY_FROZEN;
	return CXL_SUCCESS;
}

/*
 * With the user's it erases and takes the user passphrase away; so does the master's. Where no user passphrase is set
 * what is given as one is ignored. [CXL3.1 8.2.9.9.6.3, 8.2.9.9.6.6]
 */
u16 cmd_passphrase_secure_erase(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	struct security *s = &dev->security;
	unsigned type = mbox_get(in, 1);
	u16 code = CXL_SUCCESS;
	const u8 *given;

	mbox_get_bytes(in, PASSPHRASE_BYTES - 1);
	given = mbox_get_bytes(in, PASSPHRASE_BYTES);
	if (!given)
		return CXL_INVALID_PAYLOAD_LENGTH;
	if (type > PASSPHRASE_USER)
		return CXL_INVALID_INPUT;
	if ((s->state & SECURITY_FROZEN) || !dev->persistent_bytes)
		return CXL_INVALID_SECURITY_STATE;
	if (type == PASSPHRASE_MASTER && !(s->state & SECURITY_MASTER_SET))
		return CXL_INVALID_INPUT;
	if (dev->sanitizing)
		return CXL_MEDIA_DISABLED;
	if (dev->background.is_running)
		return CXL_BUSY;
	if (media_is_readonly(dev, dev->volatile_bytes, dev->persistent_bytes))
		return CXL_INTERNAL_ERROR;
	if (s->state & (type == PASSPHRASE_USER ? SECURITY_USER_SET : SECURITY_MASTER_SET))
		code = check_passphrase(dev, type, given);
	if (code != CXL_SUCCESS)
		return code;
	s->user[0] = 0;
	s->state &= ~(SECURITY_USER_SET | SECURITY_LOCKED | SECURITY_USER_LIMIT);
	s->user_failures = 0;
	erase_now(dev, true);
	keep_store(dev);
	return CXL_SUCCESS;
}

/* A machine reset stands for a power cycle: frozen is over, and attempts count anew. What has a user passphrase is
 * locked by every conventional reset. */
void security_reset(struct cxl_type3 *dev, unsigned reset_kind)
{
	struct security *s = &dev->security;

	if (reset_kind & (RESET_COLD | RESET_WARM)) {
		s->state &= ~(SECURITY_FROZEN | SECURITY_USER_LIMIT | SECURITY_MASTER_LIMIT);
		s->user_failures = s->master_failures = 0;
	}
	if ((reset_kind & RESETS_CONVENTIONAL) && (s->state & SECURITY_USER_SET)) {
		s->state |= SECURITY_LOCKED;
		cxl_map_changed(dev->host);
	}
}
