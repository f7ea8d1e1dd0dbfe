/* SPDX-License-Identifier: Apache-2.0 */
/* A BPF object file in libbpf, as JavaScript holds it. */
#ifndef EK_OBJECT_H
#define EK_OBJECT_H

#include <bpf/libbpf.h>

#include "argument.h"

struct object {
	struct bpf_object *bpf; /* NULL once closed */
	bool loaded;		/* a load was tried: what comes before a load is over */
};

/* An object that is open; throws otherwise. */
bool argument_object(const struct call *call, napi_value value, struct object **object);

#endif
