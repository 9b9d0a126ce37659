/* SPDX-License-Identifier: Apache-2.0 */
/* shown.c - see shown.h. */
#include "shown.h"

size_t
shown_character(const unsigned char *s, size_t n, bool *may_show)
{
	size_t len = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;

	*may_show = false;
	if ((s[0] >= 0x80 && s[0] < 0xc2) || s[0] > 0xf4 || len > n)
		return 1;
	/* Longer than it need be, a surrogate, or beyond U+10FFFF (RFC 3629 section 4). */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0) ||
		(s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90))
		return 1;
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 1;
	}
	bool is_control = s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0);
	bool is_turn = s[0] == 0xe2 &&
		((s[1] == 0x80 && s[2] >= 0xaa && s[2] <= 0xae) ||
			(s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9));
	*may_show = !is_control && !is_turn;
	return len;
}

size_t
shown_cut(const char *s, size_t len, size_t most)
{
	size_t n = len < most ? len : most;

	for (size_t back = 1; n < len && back < 4 && back <= n; back++) {
		const unsigned char *at = (const unsigned char *)s + n - back;
		bool may_show;
		if ((*at & 0xc0) == 0x80)
			continue;
		return shown_character(at, len - (n - back), &may_show) > back ? n - back : n;
	}
	return n;
}

/* What may not be shown, as \x1b. */
static void
append_escaped(struct buf *b, const unsigned char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_printf(b, "\\x%02x", s[i]);
}

/* What may not be shown, as a space or a mark that is as wide as one character. */
static void
append_mark(struct buf *b, const unsigned char *s, size_t n)
{
	(void)n;
	buf_str(b, *s == '\n' || *s == '\t' ? " " : "?");
}

static void
append(struct buf *b, struct hsw_str s, size_t most,
	void (*instead)(struct buf *, const unsigned char *, size_t))
{
	const unsigned char *at = (const unsigned char *)s.s;
	size_t i = 0;

	for (size_t n = 0; i < s.len && n < most; n++) {
		bool may_show;
		size_t len = shown_character(at + i, s.len - i, &may_show);
		if (may_show)
			buf_append(b, s.s + i, len);
		else
			instead(b, at + i, len);
		i += len;
	}
	if (i < s.len)
		buf_str(b, "...");
}

void
shown_append(struct buf *b, struct hsw_str s, size_t most)
{
	append(b, s, most, append_escaped);
}

void
shown_append_flat(struct buf *b, struct hsw_str s, size_t most)
{
	append(b, s, most, append_mark);
}
