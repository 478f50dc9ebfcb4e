/* SPDX-License-Identifier: MIT */
/* Values of options as an administrator would write them. */
#include "core/config/config.h"

struct unit {
	int64_t size;
	const char *name;
};

/* With the largest unit that divides it. */
static void add_number(struct cpl_buf *out, int64_t value, const struct unit *units)
{
	while (units->size > 1 && value % units->size)
		units++;
	if (value == 0)
		cpl_buf_add_char(out, '0');
	else
		cpl_buf_addf(out, "%lld%s", (long long)(value / units->size), units->name);
}

static void add_list(struct cpl_buf *out, const struct cpl_str_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		cpl_buf_addf(out, "%s%.*s", i ? ", " : "", CPL_ARG(list->items[i]));
}

void config_show(const struct cpl_option *option, const void *values, struct cpl_buf *out)
{
	static const struct unit times[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
	static const struct unit sizes[] = {{1ll << 40, "T"}, {1 << 30, "G"}, {1 << 20, "M"}, {1 << 10, "K"}, {1, ""}};
	const void *field = (const char *)values + option->offset;

	switch (option->kind) {
	case CPL_OPTION_BOOL:
		cpl_buf_addf(out, "%s", *(const bool *)field ? "true" : "false");
		break;
	case CPL_OPTION_INT:
		cpl_buf_addf(out, "%lld", (long long)*(const int64_t *)field);
		break;
	case CPL_OPTION_TIME:
		add_number(out, *(const int64_t *)field, times);
		break;
	case CPL_OPTION_SIZE:
		add_number(out, *(const int64_t *)field, sizes);
		break;
	case CPL_OPTION_STRING:
		cpl_buf_add(out, *(const struct cpl_str *)field);
		break;
	case CPL_OPTION_SECRET:
		cpl_buf_addf(out, "%s", ((const struct cpl_str *)field)->len ? "(secret)" : "");
		break;
	case CPL_OPTION_ENUM:
		cpl_buf_addf(out, "%s", option->values[*(const int *)field]);
		break;
	case CPL_OPTION_JID:
		cpl_buf_add(out, cpl_jid_str(*(const struct cpl_jid *)field));
		break;
	case CPL_OPTION_LIST:
		add_list(out, field);
		break;
	case CPL_OPTION_ENUMS: {
		const struct cpl_enum_list *list = field;

		for (size_t i = 0; i < list->count; i++)
			cpl_buf_addf(out, "%s%s", i ? ", " : "", option->values[list->items[i]]);
		break;
	}
	}
}
