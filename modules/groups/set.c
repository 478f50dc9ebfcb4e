/* SPDX-License-Identifier: MIT */
/* Sets of groups, and the file that describes one. */
#include "modules/groups/groups.h"

#include <errno.h>
#include <stdio.h>

enum { FILE_MAX_BYTES = 16 * 1024 * 1024 };

/* ---- sets ---- */

static void member_free(struct groups_member *member)
{
	cpl_free(member->texts);
	cpl_free(member);
}

static void group_free(struct group *group)
{
	struct groups_member *member;
	size_t at = 0;

	while ((member = cpl_map_next(&group->members, &at)))
		member_free(member);
	cpl_map_finish(&group->members);
	cpl_free(group->text);
	cpl_free(group);
}

void groups_clear(struct groups *groups)
{
	struct group *group;
	size_t at = 0;

	while ((group = cpl_map_next(&groups->by_name, &at)))
		group_free(group);
	cpl_map_finish(&groups->by_name);
	*groups = (struct groups){0};
}

static struct group *group_make(struct groups *groups, struct cpl_str name)
{
	struct group *group = cpl_map_get(&groups->by_name, name);

	if (group)
		return group;
	group = CPL_NEW(struct group);
	group->text = cpl_strdup(name);
	group->name = (struct cpl_str){group->text, name.len};
	cpl_map_put(&groups->by_name, group->name, group);
	return group;
}

const struct groups_member *groups_find(const struct groups *groups, struct cpl_str name, struct cpl_jid jid)
{
	const struct group *group = cpl_map_get(&groups->by_name, name);

	return group ? cpl_map_get(&group->members, cpl_jid_str(jid)) : NULL;
}

bool groups_add(struct groups *groups, struct cpl_str name, struct cpl_jid jid, struct cpl_str display)
{
	struct group *group = group_make(groups, name);
	struct cpl_str text = cpl_jid_str(jid);
	struct groups_member *member;

	if (cpl_map_get(&group->members, text))
		return false;
	member = CPL_NEW(struct groups_member);
	member->texts = cpl_asprintf("%.*s%.*s", CPL_ARG(text), CPL_ARG(display));
	member->jid = jid;
	member->jid.text = member->texts;
	member->name = display.len ? (struct cpl_str){member->texts + text.len, display.len} : CPL_NONE;
	cpl_map_put(&group->members, cpl_jid_str(member->jid), member);
	groups->members++;
	return true;
}

bool groups_remove(struct groups *groups, struct cpl_str name, struct cpl_jid jid)
{
	struct group *group = cpl_map_get(&groups->by_name, name);
	struct groups_member *member = group ? cpl_map_remove(&group->members, cpl_jid_str(jid)) : NULL;

	if (!member)
		return false;
	member_free(member);
	groups->members--;
	if (group->members.count == 0) {
		cpl_map_remove(&groups->by_name, group->name);
		group_free(group);
	}
	return true;
}

/* ---- the file ---- */

struct reading {
	struct groups *groups;
	const char *path;
	int line;
	struct cpl_str group; /* CPL_NONE before the first */
	struct cpl_arena *arena;
	struct cpl_error *error;
};

static int fault(const struct reading *r, const char *text, struct cpl_str what)
{
	return cpl_fail(r->error, CPL_E_INVALID, "%s:%d: %s: %.*s", r->path, r->line, text, (int)cpl_str_utf8_cut(what, 200), what.ptr ? what.ptr : "");
}

/* "[Montagues]" */
static int read_header(struct reading *r, struct cpl_str line)
{
	struct cpl_str name;

	if (line.ptr[line.len - 1] != ']')
		return fault(r, "a group's name stands between [ and ]", line);
	name = cpl_str_trim((struct cpl_str){line.ptr + 1, line.len - 2});
	if (name.len == 0 || name.len > GROUPS_NAME_MAX)
		return fault(r, "a group's name has 1 to 1023 bytes", line);
	if (cpl_map_get(&r->groups->by_name, name))
		return fault(r, "this group has been described above", name);
	r->group = cpl_arena_copy(r->arena, name);
	group_make(r->groups, name);
	return 0;
}

/* "romeo@example.org  Romeo Montague" */
static int read_member(struct reading *r, struct cpl_str line)
{
	size_t end = 0;
	struct cpl_str name;
	struct cpl_jid jid;

	while (end < line.len && line.ptr[end] != ' ' && line.ptr[end] != '\t')
		end++;
	name = cpl_str_trim((struct cpl_str){line.ptr + end, line.len - end});
	if (!r->group.ptr)
		return fault(r, "a member stands below the name of its group, such as [Friends]", line);
	if (cpl_jid_parse(&jid, (struct cpl_str){line.ptr, end}, r->arena) != 0 || !jid.local_len || jid.resource_len)
		return fault(r, "a line begins with the address of an account, such as romeo@example.org", line);
	if (name.len > GROUPS_NAME_MAX)
		return fault(r, "a member's name has at most 1023 bytes", line);
	if (r->groups->members >= GROUPS_MEMBERS_MAX)
		return fault(r, "there are more than 100000 members", line);
	if (!groups_add(r->groups, r->group, jid, name))
		return fault(r, "this member is in the group already", cpl_jid_str(jid));
	return 0;
}

static int read_lines(struct reading *r, struct cpl_str text)
{
	struct cpl_str line;
	int status = 0;

	while (status == 0 && cpl_str_split(&text, '\n', &line)) {
		r->line++;
		line = cpl_str_trim(line);
		if (!cpl_str_is_utf8(line))
			return fault(r, "this is not UTF-8", CPL_NONE);
		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		status = line.ptr[0] == '[' ? read_header(r, line) : read_member(r, line);
	}
	return status;
}

/* Called where files may be read: when a configuration is judged or comes into force. */
static int read_whole(const char *path, struct cpl_buf *text, struct cpl_error *error)
{
	FILE *file = fopen(path, "re");
	size_t got = 1;

	while (file && got && text->len <= FILE_MAX_BYTES) {
		got = fread(cpl_buf_reserve(text, 65536), 1, 65536, file);
		text->len += got;
	}
	if (!file || ferror(file))
		cpl_fail(error, CPL_E_IO, "%s cannot be read: %s", path, strerror(errno));
	else if (text->len > FILE_MAX_BYTES)
		cpl_fail(error, CPL_E_FULL, "%s is longer than 16 MiB", path);
	if (file)
		fclose(file);
	return error->code;
}

int groups_read_file(struct groups *groups, const char *path, struct cpl_error *error)
{
	struct reading r = {.groups = groups, .path = path, .error = error};
	struct cpl_buf text = {0};
	int status;

	error->code = 0;
	status = read_whole(path, &text, error);
	r.arena = cpl_arena_create();
	if (status == 0)
		status = read_lines(&r, cpl_buf_str(&text));
	cpl_arena_destroy(&r.arena);
	cpl_buf_finish(&text);
	return status;
}
