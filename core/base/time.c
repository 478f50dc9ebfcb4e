/* SPDX-License-Identifier: MIT */
/* The clocks and the DateTime profile of XEP-0082. */
#include "core/base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#define DAY_MS 86400000

static _Atomic bool clock_is_set;
static _Atomic int64_t clock_now, clock_monotonic;

static int64_t system_ms(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t clock_system_now(void)
{
	return system_ms(CLOCK_REALTIME);
}

int64_t clock_system_monotonic(void)
{
	return system_ms(CLOCK_MONOTONIC);
}

void clock_set(int64_t now, int64_t monotonic)
{
	atomic_store_explicit(&clock_now, now, memory_order_relaxed);
	atomic_store_explicit(&clock_monotonic, monotonic, memory_order_relaxed);
	atomic_store_explicit(&clock_is_set, true, memory_order_release);
}

void clock_unset(void)
{
	atomic_store(&clock_is_set, false);
}

int64_t cpl_now(void)
{
	if (!atomic_load_explicit(&clock_is_set, memory_order_acquire))
		return clock_system_now();
	return atomic_load_explicit(&clock_now, memory_order_relaxed);
}

int64_t cpl_monotonic(void)
{
	if (!atomic_load_explicit(&clock_is_set, memory_order_acquire))
		return clock_system_monotonic();
	return atomic_load_explicit(&clock_monotonic, memory_order_relaxed);
}

/*
 * Days since 1970-01-01 in the Gregorian calendar carried on in both directions. Years are counted from
 * March, so that the leap day is the last one; an era is 400 of them.
 */
static int64_t days_of(int64_t year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void date_of(int64_t days, int64_t *year, int *month, int *day)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t of_era = z - era * 146097;
	int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
	int64_t m = (5 * of_year + 2) / 153;

	*day = (int)(of_year - (153 * m + 2) / 5 + 1);
	*month = (int)(m < 10 ? m + 3 : m - 9);
	*year = y + era * 400 + (*month <= 2);
}

struct cpl_str cpl_time_format(int64_t ms, char buffer[CPL_TIME_TEXT])
{
	int64_t days = ms / DAY_MS, year;
	int rest = (int)(ms % DAY_MS), month, day, len;

	if (rest < 0) {
		rest += DAY_MS;
		days--;
	}
	date_of(days, &year, &month, &day);
	len = snprintf(buffer, CPL_TIME_TEXT, "%04lld-%02d-%02dT%02d:%02d:%02d", (long long)year, month, day,
		       rest / 3600000, rest / 60000 % 60, rest / 1000 % 60);
	if (rest % 1000)
		len += snprintf(buffer + len, CPL_TIME_TEXT - (size_t)len, ".%03dZ", rest % 1000);
	else
		len += snprintf(buffer + len, CPL_TIME_TEXT - (size_t)len, "Z");
	return (struct cpl_str){buffer, (size_t)len};
}

/* Takes exactly `digits` digits and, where `after` is not NUL, that character from the beginning of *text. */
static bool take_number(struct cpl_str *text, int digits, char after, int *out)
{
	int value = 0;

	if (text->len < (size_t)digits + (after != '\0'))
		return false;
	for (int i = 0; i < digits; i++) {
		if (text->ptr[i] < '0' || text->ptr[i] > '9')
			return false;
		value = value * 10 + (text->ptr[i] - '0');
	}
	if (after && text->ptr[digits] != after)
		return false;
	text->ptr += digits + (after != '\0');
	text->len -= (size_t)digits + (after != '\0');
	*out = value;
	return true;
}

/* The optional ".sss", any number of digits; what is finer than a millisecond is cut. */
static bool take_fraction(struct cpl_str *text, int *ms, bool *zero)
{
	int digits = 0, weight = 100;

	*ms = 0;
	*zero = true;
	if (text->len == 0 || text->ptr[0] != '.')
		return true;
	for (text->ptr++, text->len--; text->len > 0 && text->ptr[0] >= '0' && text->ptr[0] <= '9';
	     digits++) {
		*ms += (text->ptr[0] - '0') * weight;
		*zero = *zero && text->ptr[0] == '0';
		weight /= 10;
		text->ptr++;
		text->len--;
	}
	return digits > 0;
}

/*
 * "Z" or "+hh:mm", at most 14 hours either way (XML Schema 1.1 part 2, section 3.3.7.2), and nothing behind
 * it.
 */
static bool take_zone(struct cpl_str text, int *minutes)
{
	int sign, hour, minute;

	*minutes = 0;
	if (cpl_str_is(text, "Z"))
		return true;
	if (text.len == 0 || (text.ptr[0] != '+' && text.ptr[0] != '-'))
		return false;
	sign = text.ptr[0] == '-' ? -1 : 1;
	text.ptr++;
	text.len--;
	if (!take_number(&text, 2, ':', &hour) || !take_number(&text, 2, '\0', &minute) || text.len > 0)
		return false;
	*minutes = sign * (hour * 60 + minute);
	return minute < 60 && hour * 60 + minute <= 14 * 60;
}

static int days_in(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

bool cpl_time_parse(struct cpl_str text, int64_t *ms)
{
	int year, month, day, hour, minute, second, fraction, zone;
	bool whole;

	if (!take_number(&text, 4, '-', &year) || !take_number(&text, 2, '-', &month) ||
	    !take_number(&text, 2, 'T', &day) || !take_number(&text, 2, ':', &hour) ||
	    !take_number(&text, 2, ':', &minute) || !take_number(&text, 2, '\0', &second) ||
	    !take_fraction(&text, &fraction, &whole) || !take_zone(text, &zone))
		return false;
	if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in(year, month))
		return false;
	/* XML Schema, which decides, lets a day end at 24:00:00. */
	if (hour > 24 || minute > 59 || second > 59 || (hour == 24 && (minute || second || !whole)))
		return false;
	*ms = days_of(year, month, day) * DAY_MS + hour * 3600000ll + minute * 60000ll + second * 1000ll +
	      fraction - zone * 60000ll;
	return true;
}
