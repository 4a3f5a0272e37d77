/* SPDX-License-Identifier: GPL-2.0-or-later */
/* bus/isa/isa.c: see bus/isa/isa.h. */
#include "bus/isa/isa.h"

int isa_map(struct isa_bus *bus, struct io_window *w, u16 port, u16 len, const struct io_ops *ops,
	    void *dev, struct error *err)
{
	*w = (struct io_window){
		.ops = ops,
		.dev = dev,
		.base = port,
		.len = len,
		.space = IO_PORT,
	};
	return io_map(bus->machine, w, err);
}
