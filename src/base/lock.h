/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to base/: the lock behind loop_lock. */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include "base/types.h"

struct fair_lock {
	u32 state;
	unsigned depth;  /* of the owner's recursion */
	uintptr_t owner; /* 0: nobody */
};

void fair_lock(struct fair_lock *lock);
void fair_unlock(struct fair_lock *lock);
bool fair_lock_is_mine(const struct fair_lock *lock);

#endif
