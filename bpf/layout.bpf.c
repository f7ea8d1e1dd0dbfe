/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Never loaded. Compilers leave types out of BTF that no program uses; this
 * object holds them all, so that agent/kernel/generate.ts finds every type of
 * types.h whatever the programs use.
 */
#include "maps.h"

union {
	enum ek_layout layout;
	enum ek_scope scope;
	enum ek_frontend_flag frontend_flag;
	enum ek_backend_state backend_state;
	enum ek_backend_flag backend_flag;
	enum ek_client_kind client_kind;
	enum ek_masquerade masquerade;
	enum ek_dir dir;
	enum ek_flow_state flow_state;
	enum ek_flow_flag flow_flag;
	enum ek_reason reason;
	enum ek_sock_flag sock_flag;
	enum ek_xdp xdp;
	enum ek_event_type event_type;
	struct ek_event event;
	struct ek_settings settings;
} ek_types;
