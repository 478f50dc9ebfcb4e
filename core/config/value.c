/* SPDX-License-Identifier: MIT */
/* Text to value for the scalar kinds of options. */
#include "core/config/value.h"

struct unit {
	const char *name;
	int64_t factor;
};

static const struct unit time_units[] = {
	{"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 3600 * 1000}, {"d", 86400 * 1000}, {"", 1000}, {NULL, 0}};
static const struct unit size_units[] = {
	{"K", 1LL << 10}, {"M", 1LL << 20}, {"G", 1LL << 30}, {"T", 1LL << 40}, {"", 1}, {NULL, 0}};

bool config_value_bool(struct cpl_str text, bool *out)
{
	bool is_true = cpl_str_is(text, "true");

	if (!is_true && !cpl_str_is(text, "false"))
		return false;
	*out = is_true;
	return true;
}

static bool with_unit(struct cpl_str text, const struct unit *units, int64_t *out)
{
	size_t digits = 0;
	int64_t number;

	while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
		digits++;
	struct cpl_str unit = {text.ptr + digits, text.len - digits};

	for (const struct unit *u = units; u->name; u++)
		if (cpl_str_is(unit, u->name))
			return cpl_str_to_int((struct cpl_str){text.ptr, digits}, 0, INT64_MAX, &number) &&
			       !__builtin_mul_overflow(number, u->factor, out);
	return false;
}

bool config_value_number(enum cpl_option_kind kind, struct cpl_str text, int64_t *out)
{
	int64_t number = 0;
	bool good;

	if (text.len == 0)
		return false;
	if (kind == CPL_OPTION_INT)
		good = cpl_str_to_int(text, INT64_MIN, INT64_MAX, &number);
	else
		good = with_unit(text, kind == CPL_OPTION_TIME ? time_units : size_units, &number);
	if (good)
		*out = number;
	return good;
}

bool cpl_option_number(enum cpl_option_kind kind, struct cpl_str text, int64_t *out)
{
	return (kind == CPL_OPTION_INT || kind == CPL_OPTION_TIME || kind == CPL_OPTION_SIZE) && config_value_number(kind, text, out);
}

int config_value_enum(struct cpl_str text, const char *const *values)
{
	for (int i = 0; values[i]; i++)
		if (cpl_str_is(text, values[i]))
			return i;
	return -1;
}

const char *config_value_help(enum cpl_option_kind kind)
{
	switch (kind) {
	case CPL_OPTION_BOOL:
		return "true or false";
	case CPL_OPTION_INT:
		return "a whole number";
	case CPL_OPTION_TIME:
		return "a time such as 500ms, 30s, 5m, 2h or 7d";
	case CPL_OPTION_SIZE:
		return "a size such as 512, 64K, 1M or 2G";
	case CPL_OPTION_STRING:
	case CPL_OPTION_SECRET:
		return "a text";
	case CPL_OPTION_ENUM:
		return "one of its words";
	case CPL_OPTION_JID:
		return "an address such as romeo@example.org";
	case CPL_OPTION_LIST:
		return "a list of texts";
	case CPL_OPTION_ENUMS:
		return "a list of its words";
	}
	return "a value";
}
