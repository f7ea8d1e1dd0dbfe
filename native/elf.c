/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The .BTF section of an object file, read by hand: libbpf parses BTF from files
 * only, and every offset must be checked against the Buffer anyhow.
 */
#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "argument.h"
#include "module.h"
#include "result.h"

#if __BYTE_ORDER == __LITTLE_ENDIAN
#define NATIVE_DATA ELFDATA2LSB
#else
#define NATIVE_DATA ELFDATA2MSB
#endif

/* Copies what lies at offset, which may be unaligned; false when it is not all there. */
static bool elf_read(const struct bytes *elf, uint64_t offset, void *to, size_t size)
{
	if (offset > elf->size || size > elf->size - offset)
		return false;
	memcpy(to, elf->data + offset, size);
	return true;
}

static bool elf_header(const struct bytes *elf, Elf64_Ehdr *header)
{
	return elf_read(elf, 0, header, sizeof(*header)) &&
	       !memcmp(header->e_ident, ELFMAG, SELFMAG) &&
	       header->e_ident[EI_CLASS] == ELFCLASS64 && header->e_ident[EI_DATA] == NATIVE_DATA &&
	       header->e_shentsize == sizeof(Elf64_Shdr);
}

static bool elf_section(const struct bytes *elf, const Elf64_Ehdr *header, unsigned int index,
			Elf64_Shdr *section)
{
	/* The bound on e_shoff keeps the sum from wrapping round. */
	return header->e_shoff <= elf->size &&
	       elf_read(elf, header->e_shoff + index * sizeof(*section), section, sizeof(*section));
}

static bool elf_is_named(const struct bytes *elf, const Elf64_Shdr *names,
			 const Elf64_Shdr *section, const char *wanted)
{
	char name[16];
	size_t size = strlen(wanted) + 1;

	return names->sh_offset <= elf->size && size <= sizeof(name) &&
	       elf_read(elf, names->sh_offset + section->sh_name, name, size) &&
	       !memcmp(name, wanted, size);
}

static int elf_find(const struct bytes *elf, const char *name, struct bytes *content)
{
	Elf64_Shdr names, section;
	Elf64_Ehdr header;

	if (!elf_header(elf, &header) || !elf_section(elf, &header, header.e_shstrndx, &names))
		return -EINVAL;
	for (unsigned int i = 1; i < header.e_shnum; i++) {
		if (!elf_section(elf, &header, i, &section))
			return -EINVAL;
		if (!elf_is_named(elf, &names, &section, name))
			continue;
		if (section.sh_offset > elf->size ||
		    section.sh_size > elf->size - section.sh_offset)
			return -EINVAL;
		*content = (struct bytes){elf->data + section.sh_offset, section.sh_size};
		return 0;
	}
	return -ENOENT;
}

static napi_value elf_btf(napi_env env, napi_callback_info info)
{
	struct call call;
	struct bytes elf, btf;
	int error;

	if (!call_begin(&call, env, info) || !argument_bytes(&call, call.arguments[0], "elf", &elf))
		return NULL;
	error = elf_find(&elf, ".BTF", &btf);
	return error ? result_number(env, error) : result_bytes(env, btf.data, btf.size);
}

const struct function elf_functions[] = {
	{"elfBtf", elf_btf},
	{},
};
