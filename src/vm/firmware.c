/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vm/firmware.c: see vm/firmware.h. Volume layout: UEFI PI 1.7 volume 3, 3.2.1. */
#include "vm/firmware.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/log.h"
#include "base/str.h"
#include "fw/kernel.h"
#include "plat/file.h"
#include "vm/config.h"

LOG_MODULE("firmware");

enum { FIRMWARE_MAX = 16 << 20, BLOCK = 4096 };

const char firmware_advice[] = "install Debian's package ovmf, or give --firmware FILE";

/* Where distributions install firmware, the best first. */
static const struct {
	enum fw_kind kind;
	const char *code, *vars;
} places[] = {
	{ FW_UEFI, "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd" },
	{ FW_UEFI, "/usr/share/ovmf/OVMF.fd", NULL },
	{ FW_UEFI, "/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd" },
	{ FW_UEFI, "/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd" },
	{ FW_UEFI, "/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd" },
	{ FW_UEFI, "/usr/share/qemu/ovmf-x86_64-4m-code.bin",
	  "/usr/share/qemu/ovmf-x86_64-4m-vars.bin" },
	{ FW_BIOS, "/usr/share/seabios/bios-256k.bin", NULL },
	{ FW_BIOS, "/usr/share/qemu/bios-256k.bin", NULL },
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static char *place_path(const char *usual, const char *dir)
{
	if (!usual)
		return NULL;
	return dir ? xasprintf("%s/%s", dir, base_name(usual)) : xstrdup(usual);
}

bool firmware_find(enum fw_kind kind, const char *dir, char **code, char **vars)
{
	*code = *vars = NULL;
	for (unsigned i = 0; i < ARRAY_LEN(places); i++) {
		if (places[i].kind != kind)
			continue;
		*code = place_path(places[i].code, dir);
		if (file_exists(*code)) {
			*vars = place_path(places[i].vars, dir);
			if (*vars && !file_exists(*vars)) {
				free(*vars);
				*vars = NULL;
			}
			return true;
		}
		free(*code);
		*code = NULL;
	}
	return false;
}

/* A UEFI image whose volumes reach beyond its end was cut short on its way here. */
static int check_volumes(const u8 *image, size_t len, const char *path, struct error *err)
{
	size_t at = 0;

	while (len - at >= 56 && !memcmp(image + at + 40, "_FVH", 4)) {
		u64 volume = le64_at(image + at + 32);

		if (volume > len - at)
			return error_set(
				err, -EINVAL,
				"%s is cut short: a firmware volume at %zu has %llu bytes, "
				"but the file ends after %zu; copy the file again",
				path, at, (unsigned long long)volume, len - at);
		if (volume < 56)
			break;
		at += (size_t)volume;
		if (at == len)
			break;
	}
	return 0;
}

static int not_firmware(const u8 *image, size_t len, const char *path, struct error *err)
{
	if (len >= 4 && (!memcmp(image, "QFI\xfb", 4) || !memcmp(image, "vhdx", 4)))
		return error_set(err, -EINVAL, "%s is a disk image; give it as --disk path=%s",
				 path, path);
	return error_set(err, -EINVAL,
			 "%s (%zu bytes) is neither UEFI nor BIOS firmware nor a Linux kernel; %s",
			 path, len, firmware_advice);
}

static bool is_kernel(enum fw_kind kind)
{
	return kind == FW_LINUX || kind == FW_KERNEL;
}

/* Load and name the content of @path. A kernel is not kept: the board's owner loads it. */
static int load_image(struct firmware *fw, enum fw_kind *kind, const char *path, struct error *err)
{
	struct file_info info;
	struct file *f = NULL;
	size_t len;
	int rc;

	rc = file_open(&f, path, FILE_READ, err);
	if (rc < 0)
		return rc;
	rc = file_info(f, &info);
	if (rc == 0 && !info.regular)
		rc = error_set(err, -EINVAL, "%s is not a file", path);
	else if (rc < 0)
		error_set(err, rc, "%s: %s", path, strerror(-rc));
	if (rc < 0)
		goto out;
	/* Nothing larger is firmware, but kernels are: their first bytes tell. */
	len = info.size > FIRMWARE_MAX ? KERNEL_HEAD : (size_t)info.size;
	fw->image = try_alloc(len, FIRMWARE_MAX);
	if (!fw->image) {
		rc = error_set(err, -ENOMEM, "%s: no memory for %zu bytes", path, len);
		goto out;
	}
	rc = file_read(f, fw->image, len, 0);
	if (rc < 0) {
		error_set(err, rc, "%s cannot be read: %s", path, strerror(-rc));
		goto out;
	}
	fw->code = fw->image;
	fw->code_len = len;
	*kind = fw_identify(fw->image, len);
	if (info.size > FIRMWARE_MAX && !is_kernel(*kind))
		rc = error_set(err, -EINVAL,
			       "%s has %llu MiB, which is too large for firmware; is it a disk? "
			       "Then give --disk path=%s",
			       path, (unsigned long long)(info.size >> 20), path);
	else if (!is_kernel(*kind) && *kind != FW_BIOS)
		rc = check_volumes(fw->image, len, path, err);
	if (rc == 0 && *kind == FW_UNKNOWN)
		rc = not_firmware(fw->image, len, path, err);
out:
	if (rc < 0 || is_kernel(*kind))
		file_close(f);
	else
		fw->code_file = f;
	return rc;
}

/* Code of 3.5 MiB and its variables make 4 MiB: the flash chip is a power of two. */
static size_t vars_room(size_t code_len)
{
	size_t chip = MIB(1);

	while (chip < code_len)
		chip *= 2;
	return chip - code_len;
}

/* The variable store at @path if it is one of @len bytes; else NULL. */
static u8 *load_template(const char *path, size_t len)
{
	u8 *bytes = NULL;
	size_t got = 0;

	if (!file_exists(path) || file_load(&bytes, &got, path, FIRMWARE_MAX, NULL) < 0)
		return NULL;
	if (got == len && fw_identify(bytes, got) == FW_UEFI_VARS)
		return bytes;
	free(bytes);
	return NULL;
}

/* @path with the last "CODE" of its file name made "VARS", and @drop taken out; NULL: no CODE. */
static char *vars_beside(const char *path, const char *drop)
{
	char *name = xstrdup(path), *base = name + (base_name(path) - path);
	char *code = strstr(base, "CODE"), *cut = drop ? strstr(base, drop) : NULL;

	if (code)
		memcpy(code, "VARS", 4);
	else if ((code = strstr(base, "code")) != NULL)
		memcpy(code, "vars", 4);
	if (!code || (drop && !cut)) {
		free(name);
		return NULL;
	}
	if (cut)
		memmove(cut, cut + strlen(drop), strlen(cut + strlen(drop)) + 1);
	return name;
}

/* Variables to begin with for code that has none in its file. *from: the template, a new string. */
static u8 *find_template(const char *code_path, const char *dir, size_t len, char **from)
{
	static const char *const drops[] = { NULL, ".secboot" };
	u8 *bytes;

	for (unsigned i = 0; i < ARRAY_LEN(drops); i++) {
		*from = vars_beside(code_path, drops[i]);
		bytes = *from ? load_template(*from, len) : NULL;
		if (bytes)
			return bytes;
		free(*from);
	}
	for (unsigned i = 0; i < ARRAY_LEN(places); i++) {
		*from = place_path(places[i].vars, dir);
		bytes = *from ? load_template(*from, len) : NULL;
		if (bytes)
			return bytes;
		free(*from);
	}
	*from = NULL;
	return NULL;
}

static void fill_vars(struct firmware *fw, const char *path, const char *dir)
{
	char *from = NULL;
	size_t len = fw_vars_size(fw->image, fw->code_len);

	if (len && len < fw->code_len) {
		fw->vars_image = xcalloc(len, 1);
		memcpy(fw->vars_image, fw->image, len);
		fw->code_at = len;
		fw->code_len -= len;
	} else {
		len = vars_room(fw->code_len);
		if (!len || len % BLOCK)
			return;
		fw->vars_image = find_template(path, dir, len, &from);
		if (!fw->vars_image) {
			/* Erased flash: the firmware formats it at its first start. */
			fw->vars_image = xcalloc(len, 1);
			memset(fw->vars_image, 0xff, len);
			str_add(&fw->notes,
				"%s: there is no template for its variables; they start empty\n",
				path);
		}
		free(from);
	}
	fw->vars = fw->vars_image;
	fw->vars_len = len;
}

static int cannot_write(const char *path, int rc, struct error *err)
{
	return error_set(err, rc,
			 "%s cannot be written: %s; choose another place, or leave the option out: "
			 "variables are then forgotten when the machine ends",
			 path, strerror(-rc));
}

/* All or nothing: half a store would be taken for one of another firmware. */
static int fill_nvram(struct firmware *fw, struct file *f, const char *path, struct error *err)
{
	int rc = file_write(f, fw->vars, fw->vars_len, 0);

	if (rc == 0)
		rc = file_flush(f);
	if (rc == 0)
		return 0;
	if (file_resize(f, 0) < 0)
		log_warn("%s holds a part of a variable store; remove it", path);
	return cannot_write(path, rc, err);
}

/* The --nvram file holds the variables from now on; an empty or new one is filled from @fw. */
static int use_nvram(struct firmware *fw, struct file *f, const char *path, const char *code,
		     struct error *err)
{
	struct file_info info;
	int rc = file_lock(f, true);

	if (rc == -EBUSY)
		return error_set(err, rc, "%s is in use by another program, perhaps another oriel",
				 path);
	if (rc == 0)
		rc = file_info(f, &info);
	if (rc < 0)
		return error_set(err, rc, "%s: %s", path, strerror(-rc));
	if (!info.regular)
		return error_set(err, -EINVAL, "%s is not a file", path);
	if (info.size == 0)
		return fill_nvram(fw, f, path, err);
	if (info.size != fw->vars_len)
		return error_set(err, -EINVAL,
				 "%s has %llu bytes, but the variables of %s have %zu; it belongs "
				 "to another firmware: give that, or a new file",
				 path, (unsigned long long)info.size, code, fw->vars_len);
	rc = file_read(f, fw->vars_image, fw->vars_len, 0);
	if (rc < 0)
		return error_set(err, rc, "%s cannot be read: %s", path, strerror(-rc));
	if (fw_identify(fw->vars, fw->vars_len) != FW_UEFI_VARS)
		return error_set(err, -EINVAL,
				 "%s is not a variable store; give a new file, or a copy of the "
				 "firmware's VARS file",
				 path);
	return 0;
}

static int open_nvram(struct firmware *fw, const char *path, const char *code, struct error *err)
{
	bool there = file_exists(path), made;
	struct file *f = NULL;
	int rc;

	if (!fw->vars)
		return error_set(err, -EINVAL,
				 "--nvram %s: %s has no variables to keep; leave the option out",
				 path, code);
	rc = file_open(&f, path, FILE_WRITE | FILE_CREATE, err);
	if (rc == -EACCES || rc == -EPERM || rc == -EROFS)
		cannot_write(path, rc, err);
	made = f && !there;
	if (rc == 0)
		rc = use_nvram(fw, f, path, code, err);
	if (rc < 0) {
		error_prefix(err, "--nvram");
		file_close(f);
		if (made && rc != -EBUSY)
			file_remove(path);
		return rc;
	}
	fw->vars_file = f;
	fw->vars_made = made;
	return 0;
}

/* Secure Boot builds cannot be told by content: their code is compressed. Debian's names tell. */
static bool is_smm_build(const char *path)
{
	const char *name = base_name(path);

	return strstr(name, "CODE") &&
	       (strstr(name, ".secboot") || strstr(name, ".ms.") || strstr(name, ".snakeoil"));
}

/* The firmware file's path, a new string: as given, or the first that is installed. */
static int choose(struct firmware *fw, char **path, enum fw_kind *kind, const struct vm_config *cfg,
		  struct error *err)
{
	const char *given = cfg->firmware ? cfg->firmware : cfg->kernel;
	char *vars;
	int rc;

	if (given) {
		rc = load_image(fw, kind, given, err);
		if (rc < 0)
			return rc;
		if (!is_kernel(*kind)) {
			*path = xstrdup(given);
			return 0;
		}
		if (cfg->firmware)
			return error_set(err, -EINVAL, "%s is a kernel; give it as --kernel %s",
					 given, given);
		fw->kernel_path = cfg->kernel;
		fw->direct = *kind == FW_KERNEL;
		free(fw->image);
		fw->image = NULL;
		fw->code = NULL;
		fw->code_len = 0;
	}
	if (fw->direct)
		return 0;
	if (!firmware_find(FW_UEFI, cfg->firmware_dir, path, &vars))
		return error_set(err, -ENOENT, "there is no firmware %s%s; %s",
				 cfg->firmware_dir ? "in " : "here",
				 cfg->firmware_dir ? cfg->firmware_dir : "", firmware_advice);
	free(vars);
	if (!given)
		str_add(&fw->notes, "no --firmware is given; using %s\n", *path);
	return load_image(fw, kind, *path, err);
}

static int open_all(struct firmware *fw, const struct vm_config *cfg, struct error *err)
{
	const char *option = cfg->firmware || !cfg->kernel ? "--firmware" : "--kernel";
	AUTO_FREE char *path = NULL;
	enum fw_kind kind = FW_UNKNOWN;
	int rc = choose(fw, &path, &kind, cfg, err);

	if (rc == 0 && kind == FW_UEFI_VARS)
		rc = error_set(err, -EINVAL,
			       "%s holds variables (VARS), not code; give the CODE file here and "
			       "this one with --nvram",
			       path);
	if (rc < 0) {
		error_prefix(err, "%s", option);
		return rc;
	}
	if (cfg->kernel && !fw->kernel_path && (cfg->cmdline || cfg->initramfs))
		str_add(&fw->notes, "%s is firmware: --cmdline and --initramfs have no effect\n",
			path);
	fw->is_bios = kind == FW_BIOS || fw->direct;
	if (fw->is_bios) {
		if (cfg->nvram)
			str_add(&fw->notes, "%s is %s: --nvram has no effect\n",
				fw->direct ? cfg->kernel : path,
				fw->direct ? "started without firmware" : "a BIOS");
		return 0;
	}
	fw->needs_smm = is_smm_build(path);
	fill_vars(fw, path, cfg->firmware_dir);
	free(fw->image);
	fw->image = NULL;
	fw->code = NULL;
	if (cfg->nvram)
		rc = open_nvram(fw, cfg->nvram, path, err);
	else if (!fw->kernel_path)
		str_add(&fw->notes,
			"the firmware's variables (boot entries) are lost when the machine ends; "
			"--nvram FILE keeps them\n");
	return rc;
}

int firmware_open(struct firmware *out, const struct vm_config *cfg, struct error *err)
{
	struct firmware fw = { 0 };
	int rc = open_all(&fw, cfg, err);

	if (rc < 0)
		firmware_close(&fw);
	else
		*out = fw;
	return rc;
}

void firmware_close(struct firmware *fw)
{
	file_close(fw->code_file);
	file_close(fw->vars_file);
	free(fw->image);
	free(fw->vars_image);
	str_free(&fw->notes);
	memset(fw, 0, sizeof(*fw));
}
