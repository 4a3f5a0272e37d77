/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tests/bench/script.c: programs with large working code: Debian's Lua and SQLite, and a mix of
 * what small computers do: lists, matrices, a state machine, checksums.
 */
#include <lua5.4/lauxlib.h>
#include <lua5.4/lualib.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "work.h"

void *__wrap_dlopen(const char *file, int mode);

/* Lua and SQLite could load plug-ins; a static program cannot, and the linker would say so. */
void *__wrap_dlopen(const char *file, int mode)
{
	return NULL;
}

static const char lua_source[] =
	"local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end\n"
	"local function queens(n, row, left, down, right)\n"
	"  if row == n then return 1 end\n"
	"  local found, free = 0, ((1 << n) - 1) & ~(left | down | right)\n"
	"  while free ~= 0 do\n"
	"    local bit = free & -free\n"
	"    free = free ~ bit\n"
	"    found = found + queens(n, row + 1, (left | bit) << 1, down | bit, (right | bit) >> "
	"1)\n"
	"  end\n"
	"  return found\n"
	"end\n"
	"local function words(n)\n"
	"  local list, count = {}, {}\n"
	"  for i = 1, n do\n"
	"    local w = ('w%x'):format(i * 7919 % 97)\n"
	"    count[w] = (count[w] or 0) + #w\n"
	"    list[#list + 1] = w .. i\n"
	"  end\n"
	"  table.sort(list)\n"
	"  local text = table.concat(list, ' ')\n"
	"  local _, hits = text:gsub('w(%x)%d+', '%1')\n"
	"  return hits + #text + count.w5\n"
	"end\n"
	"local point = {}\n"
	"point.__index = point\n"
	"function point.new(x, y) return setmetatable({ x = x, y = y }, point) end\n"
	"function point:plus(o) return point.new(self.x + o.x, self.y ~ o.y) end\n"
	"local function objects(n)\n"
	"  local p, step = point.new(0, 0), point.new(3, 5)\n"
	"  for i = 1, n do p = p:plus(step) step.y = i end\n"
	"  return p.x + p.y\n"
	"end\n"
	"function work(n)\n"
	"  local sum = 0\n"
	"  for i = 1, n do\n"
	"    sum = sum * 31 + fib(16) + queens(6, 0, 0, 0, 0) + words(300) + objects(1000) + i\n"
	"  end\n"
	"  return sum\n"
	"end\n";

static lua_State *lua;

static void lua_prepare(void)
{
	if (lua)
		lua_close(lua);
	lua = luaL_newstate();
	if (!lua)
		return;
	luaL_openlibs(lua);
	if (luaL_dostring(lua, lua_source))
		wrong(lua_tostring(lua, -1));
}

static u64 lua_run(u64 count)
{
	u64 sum;

	lua_getglobal(lua, "work");
	lua_pushinteger(lua, (lua_Integer)count);
	if (lua_pcall(lua, 1, 1, 0))
		wrong(lua_tostring(lua, -1));
	sum = (u64)lua_tointeger(lua, -1);
	lua_pop(lua, 1);
	return sum;
}

/* The numbers that the rows of a statement hold, added up. */
static u64 query(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *st = NULL;
	u64 sum = 0;
	int rc;

	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK) {
		wrong(sqlite3_errmsg(db));
		return 0;
	}
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		for (int c = 0; c < sqlite3_column_count(st); c++)
			sum = sum * 31 + (u64)sqlite3_column_int64(st, c);
	if (rc != SQLITE_DONE)
		wrong(sqlite3_errmsg(db));
	sqlite3_finalize(st);
	return sum;
}

static void insert(sqlite3 *db, u32 rows)
{
	sqlite3_stmt *st = NULL;
	u32 seed = 3;
	u8 text[24];

	sqlite3_prepare_v2(db, "INSERT INTO item VALUES (?, ?, ?)", -1, &st, NULL);
	for (u32 i = 0; i < rows; i++) {
		for (u32 k = 0; k < sizeof(text); k++)
			text[k] = (u8)('a' + next_random(&seed) % 26);
		sqlite3_bind_int64(st, 1, (sqlite3_int64)i);
		sqlite3_bind_int64(st, 2, (sqlite3_int64)(next_random(&seed) % 50));
		sqlite3_bind_text(st, 3, (const char *)text, sizeof(text), SQLITE_STATIC);
		if (sqlite3_step(st) != SQLITE_DONE)
			wrong(sqlite3_errmsg(db));
		sqlite3_reset(st);
	}
	sqlite3_finalize(st);
}

static u64 sqlite_once(void)
{
	enum { ROWS = 600 };
	sqlite3 *db = NULL;
	u64 sum = 0;

	if (sqlite3_open(":memory:", &db) != SQLITE_OK) {
		wrong("sqlite: no data base");
		return 0;
	}
	query(db, "CREATE TABLE item (id INTEGER PRIMARY KEY, kind INTEGER, name TEXT)");
	query(db, "BEGIN");
	insert(db, ROWS);
	query(db, "CREATE INDEX by_kind ON item (kind, name)");
	query(db, "COMMIT");
	sum += query(db, "SELECT kind, count(*), sum(id) FROM item GROUP BY kind ORDER BY 2, 1");
	sum += query(db, "SELECT a.id, b.id FROM item a JOIN item b ON a.kind = b.kind "
			 "WHERE a.id % 7 = 3 AND b.name LIKE '%q%' AND b.id < 200");
	query(db, "UPDATE item SET kind = kind + 1, name = upper(name) WHERE id % 3 = 0");
	query(db, "DELETE FROM item WHERE kind = 7");
	sum += query(db,
		     "SELECT count(*), sum(length(name)), sum(kind) FROM item WHERE name > 'm'");
	if (query(db, "SELECT count(*) FROM item WHERE name GLOB '[A-Za-z]*'") !=
	    query(db, "SELECT count(*) FROM item"))
		wrong("sqlite: rows are missing");
	sqlite3_close(db);
	return sum;
}

static u64 sqlite_run(u64 count)
{
	u64 sum = 0;

	for (u64 i = 0; i < count; i++)
		sum = sum * 31 + sqlite_once();
	return sum;
}

const struct row script_rows[] = {
	{ "int", "lua", 75, lua_prepare, lua_run },
	{ "int", "sqlite", 36, NULL, sqlite_run },
	{ "int", "mix", 1400, NULL, mix },
	{ 0 },
};
