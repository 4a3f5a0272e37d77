/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/guest/report.h: is a payload's report what it should be?
 *
 * A file of wanted lines says what the processor's manuals say. The emulated processor below KVM
 * in the rig differs in places: there, a line "case: what it reports ; why it differs" of a second
 * file takes the place of the wanted line that begins with "case:", and must be what is reported.
 */
#pragma once

#include "base/str.h"

/* Compare @got with the file @want, with @exceptions (may be NULL). Prints what differs. */
bool report_is(struct str *got, const char *want, const char *exceptions);
