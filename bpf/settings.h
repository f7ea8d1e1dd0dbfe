/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is constant while a program is loaded, and what programs keep for each CPU. */
#ifndef EK_SETTINGS_H
#define EK_SETTINGS_H

#include "clock.h"
#include "maps.h"
#include "packet.h"

const volatile struct ek_settings ek_settings = {};

EK_ALWAYS_INLINE struct ek_cpu *ek_this_cpu(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&ek_cpus, &zero);
}

/* RFC 4443 2.4 f, RFC 1812 4.3.2.8: ICMP errors are limited. */
EK_ALWAYS_INLINE bool ek_may_answer_now(void)
{
	struct ek_cpu *cpu = ek_this_cpu();
	__u64 second = ek_now() / EK_SECOND;

	if (!cpu || !ek_settings.icmp)
		return true;
	if (cpu->second != second) {
		cpu->second = second;
		cpu->answers = 0;
	}
	if (cpu->answers >= ek_settings.icmp)
		return false;
	cpu->answers++;
	return true;
}

#endif
