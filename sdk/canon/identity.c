/* SPDX-License-Identifier: Apache-2.0 */
/* identity.c - jids, parties and times of hookswitch/canon.h. */
#include <hookswitch/canon.h>

#include <stdlib.h>
#include <stddef.h>
#include <string.h>

/* ---- jids ---- */

static const struct server {
	const char *name; /* as providers write it */
	const char *canonical;
	enum hsw_jid type;
} servers[] = {
	{ "s.whatsapp.net", "s.whatsapp.net", HSW_JID_PHONE },
	{ "c.us", "s.whatsapp.net", HSW_JID_PHONE },
	{ "lid", "lid", HSW_JID_LID },
	{ "hosted", "s.whatsapp.net", HSW_JID_PHONE },
	{ "hosted.lid", "lid", HSW_JID_LID },
	{ "g.us", "g.us", HSW_JID_GROUP },
	{ "newsletter", "newsletter", HSW_JID_NEWSLETTER },
	{ "broadcast", "broadcast", HSW_JID_BROADCAST },
};

static const struct server *
find_server(const char *s, size_t n)
{
	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
		if (strlen(servers[i].name) == n && memcmp(servers[i].name, s, n) == 0)
			return &servers[i];
	}
	return NULL;
}

size_t
canon_phone_digits(struct hsw_str s, char *out, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (s.s[i] >= '0' && s.s[i] <= '9') {
			if (len + 1 >= size)
				return 0;
			out[len++] = s.s[i];
		} else if (s.s[i] == '\0' || strchr("+ ()-./", s.s[i]) == NULL) {
			return 0;
		}
	}
	return len;
}

static bool
is_plain(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)s[i] <= 0x20 || (unsigned char)s[i] >= 0x7f || s[i] == '"' ||
			s[i] == '\\')
			return false;
	}
	return n > 0;
}

/* A device ("5511...:57") or agent ("5511..._1:57") does not belong to the account's name. */
static size_t
user_length(const char *s, size_t n, enum hsw_jid type)
{
	if (type != HSW_JID_PHONE && type != HSW_JID_LID)
		return n;
	for (size_t i = 0; i < n; i++) {
		if (s[i] == ':' || s[i] == '_')
			return i;
	}
	return n;
}

static enum hsw_jid
bare_phone(struct hsw_str in, char out[HSW_JID_MAX])
{
	static const char server[] = "@s.whatsapp.net";
	size_t n = canon_phone_digits(in, out, HSW_JID_MAX - sizeof(server));

	if (n == 0) {
		out[0] = '\0';
		return HSW_JID_NONE;
	}
	memcpy(out + n, server, sizeof(server));
	return HSW_JID_PHONE;
}

enum hsw_jid
canon_jid(struct hsw_str in, char out[HSW_JID_MAX])
{
	const char *at = in.s != NULL ? memchr(in.s, '@', in.len) : NULL;

	out[0] = '\0';
	if (in.s == NULL || in.len >= HSW_JID_MAX - sizeof("@s.whatsapp.net"))
		return HSW_JID_NONE;
	if (at == NULL)
		return bare_phone(in, out);
	const struct server *server = find_server(at + 1, (size_t)(in.s + in.len - at - 1));
	if (server == NULL || !is_plain(in.s, (size_t)(at - in.s)))
		return HSW_JID_NONE;
	const char *user = in.s + (server->type == HSW_JID_PHONE && in.s[0] == '+');
	size_t n = user_length(user, (size_t)(at - user), server->type);
	if (n == 0)
		return HSW_JID_NONE;
	memcpy(out, user, n);
	out[n] = '@';
	memcpy(out + n + 1, server->canonical, strlen(server->canonical) + 1);
	return server->type;
}

/* ---- parties ---- */

void
canon_party_add(struct hsw_party *p, struct hsw_str s)
{
	char jid[HSW_JID_MAX];
	enum hsw_jid type = canon_jid(s, jid);

	if (type == HSW_JID_NONE)
		return;
	char *into = type == HSW_JID_LID ? p->lid : p->jid;
	if (into[0] != '\0')
		return;
	memcpy(into, jid, HSW_JID_MAX);
	if (type != HSW_JID_LID || p->jid[0] == '\0')
		p->type = type;
}

const char *
canon_party_id(const struct hsw_party *p)
{
	return p->jid[0] != '\0' ? p->jid : p->lid;
}

const char *
canon_party_key(const struct hsw_party *p)
{
	const char *id = canon_party_id(p);

	return id[0] != '\0' ? id : p->user_id;
}

static bool
is_user_id(struct hsw_str s)
{
	if (s.s == NULL || s.len < 4 || s.len > 3 + 128 || s.s[2] != '.')
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.s[i];
		bool is_upper = c >= 'A' && c <= 'Z';
		bool is_other = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.';
		if (!is_upper && (i < 2 || !is_other))
			return false;
	}
	return true;
}

bool
canon_party_add_user_id(struct hsw_party *p, struct hsw_str s)
{
	if (!is_user_id(s))
		return false;
	if (p->user_id[0] == '\0') {
		memcpy(p->user_id, s.s, s.len);
		p->user_id[s.len] = '\0';
	}
	return true;
}

static struct hsw_str
text_of(const char *s)
{
	return (struct hsw_str){ s, strlen(s) };
}

/* A daemon of before had no such members. */
static bool
has_memory(const struct hsw_request *r)
{
	return r != NULL && r->size >= offsetof(struct hsw_request, learn) + sizeof(r->learn) &&
		r->phone_of != NULL && r->learn != NULL;
}

const char *
canon_party_shown(struct hsw_canon *c, const struct hsw_party *p, char phone[HSW_JID_MAX])
{
	const struct hsw_request *r = c->request;

	if (p->lid[0] == '\0' || !has_memory(r))
		return canon_party_id(p);
	if (p->jid[0] != '\0') {
		if (p->type == HSW_JID_PHONE)
			r->learn(r, text_of(p->lid), text_of(p->jid));
		return p->jid;
	}
	return r->phone_of(r, text_of(p->lid), phone, HSW_JID_MAX) > 0 ? phone : p->lid;
}

void
canon_party_members(struct hsw_canon *c, const struct hsw_party *p)
{
	char phone[HSW_JID_MAX];
	const char *shown = canon_party_shown(c, p, phone);

	if (shown[0] != '\0')
		canon_text(c, "jid", shown);
	if (p->lid[0] != '\0' && shown != p->lid)
		canon_text(c, "lid", p->lid);
	if (p->user_id[0] != '\0')
		canon_text(c, "userId", p->user_id);
	if (p->name.s != NULL && p->name.len > 0)
		canon_string(c, "name", p->name);
}

void
canon_party(struct hsw_canon *c, const char *key, const struct hsw_party *p)
{
	if (canon_party_key(p)[0] == '\0')
		return;
	canon_open_object(c, key);
	canon_party_members(c, p);
	canon_close_object(c);
}

const char *
canon_chat_type(enum hsw_jid type)
{
	static const char *const names[] = { "private", "private", "private", "group", "newsletter",
		"broadcast" };
	return names[type];
}

/* ---- times ---- */

int64_t
canon_epoch_ms(double n)
{
	if (!(n > 0 && n < 1e14))
		return 0;
	return (int64_t)(n < 1e11 ? n * 1000 + 0.5 : n);
}

static void
put_number(char *at, int digits, int64_t value)
{
	while (digits-- > 0) {
		at[digits] = (char)('0' + value % 10);
		value /= 10;
	}
}

/*
 * Days since 1970 and dates of the proleptic Gregorian calendar: years are counted from 1 March, so that
 * the leap day is the last of its year; 400 years are 146097 days, and 719468 lie between 1 March of
 * year 0 and 1970.
 */
static void
date_of_days(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
	int64_t z = days + 719468, era = z / 146097, doe = z % 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

	*day = doy - (153 * mp + 2) / 5 + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = yoe + era * 400 + (*month <= 2);
}

static int64_t
days_of_date(int64_t year, int64_t month, int64_t day)
{
	year -= month <= 2;
	int64_t era = year / 400, yoe = year % 400;
	int64_t doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

#define LAST_MS 253402300799999 /* 9999-12-31T23:59:59.999Z */

void
canon_time(int64_t ms, char out[HSW_TIME_MAX])
{
	static const char form[] = "0000-00-00T00:00:00.000Z";
	int64_t year, month, day;

	ms = ms < 0 ? 0 : ms > LAST_MS ? LAST_MS : ms;
	date_of_days(ms / 86400000, &year, &month, &day);
	memcpy(out, form, sizeof(form));
	put_number(out, 4, year);
	put_number(out + 5, 2, month);
	put_number(out + 8, 2, day);
	put_number(out + 11, 2, ms / 3600000 % 24);
	put_number(out + 14, 2, ms / 60000 % 60);
	put_number(out + 17, 2, ms / 1000 % 60);
	if (ms % 1000 == 0)
		memcpy(out + 19, "Z", 2);
	else
		put_number(out + 20, 3, ms % 1000);
}

/* Reads exactly n digits. */
static bool
read_number(const char *s, int n, int64_t *out)
{
	*out = 0;
	for (int i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		*out = *out * 10 + (s[i] - '0');
	}
	return true;
}

/* A fraction of any length, in ms; returns what follows it. */
static const char *
read_fraction(const char *s, int64_t *ms)
{
	int64_t factor = 100;

	*ms = 0;
	if (*s != '.')
		return s;
	for (s++; *s >= '0' && *s <= '9'; s++, factor /= 10)
		*ms += (*s - '0') * factor;
	return s;
}

/* "Z", or "+03:00", "+0300", "+03" and the like; in minutes. A time without a zone tells nothing. */
static bool
read_zone(const char *s, int64_t *minutes)
{
	int64_t hours, rest = 0;

	*minutes = 0;
	if (strcmp(s, "Z") == 0 || strcmp(s, "z") == 0)
		return true;
	if ((*s != '+' && *s != '-') || !read_number(s + 1, 2, &hours))
		return false;
	const char *at = s + 3 + (s[3] == ':');
	if (s[3] != '\0' && (!read_number(at, 2, &rest) || at[2] != '\0'))
		return false;
	*minutes = (hours * 60 + rest) * (*s == '-' ? -1 : 1);
	return true;
}

static bool
parse_date(const char *s, int64_t *ms)
{
	int64_t year, month, day, hour, minute, second, fraction, zone;

	if (!read_number(s, 4, &year) || s[4] != '-' || !read_number(s + 5, 2, &month) ||
		s[7] != '-' || !read_number(s + 8, 2, &day) ||
		(s[10] != 'T' && s[10] != 't' && s[10] != ' ') || !read_number(s + 11, 2, &hour) ||
		s[13] != ':' || !read_number(s + 14, 2, &minute) || s[16] != ':' ||
		!read_number(s + 17, 2, &second))
		return false;
	if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 ||
		second > 60)
		return false;
	if (!read_zone(read_fraction(s + 19, &fraction), &zone))
		return false;
	*ms = ((days_of_date(year, month, day) * 24 + hour) * 60 + minute - zone) * 60000 +
		second * 1000 + fraction;
	return *ms > 0;
}

bool
canon_time_parse(struct hsw_str s, int64_t *ms)
{
	char text[64], *end;

	if (s.s == NULL || s.len == 0 || s.len >= sizeof(text))
		return false;
	memcpy(text, s.s, s.len);
	text[s.len] = '\0';
	if (strspn(text, "0123456789.") == s.len) {
		*ms = canon_epoch_ms(strtod(text, &end));
		return *end == '\0' && *ms != 0;
	}
	return strlen(text) == s.len && s.len >= sizeof("0000-00-00T00:00:00") - 1 &&
		parse_date(text, ms);
}
