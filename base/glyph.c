/* glyph.c - see glyph.h.  Why so: wcwidth(3) needs a UTF-8 locale, which a container often has not; the ranges below are
 * those blocks of Unicode 15 (EastAsianWidth.txt: W and F; combining marks) that names are made of. */
#include "base/glyph.h"

#include <stdint.h>

static const struct range {
	uint32_t from, to;
	unsigned char columns;
} ranges[] = {
	{ 0x0300, 0x036f, 0 },	 /* combining accents */
	{ 0x1100, 0x115f, 2 },	 /* Hangul syllables' beginnings */
	{ 0x200b, 0x200f, 0 },	 /* joiners and marks of direction */
	{ 0x231a, 0x231b, 2 },	 /* watches, the first pictures */
	{ 0x2e80, 0x303e, 2 },	 /* CJK radicals and punctuation */
	{ 0x3041, 0xa4cf, 2 },	 /* kana, CJK, Yi */
	{ 0xac00, 0xd7a3, 2 },	 /* Hangul */
	{ 0xf900, 0xfaff, 2 },	 /* CJK compatibility */
	{ 0xfe00, 0xfe0f, 0 },	 /* variation selectors */
	{ 0xfe30, 0xfe6f, 2 },	 /* CJK compatibility forms */
	{ 0xff00, 0xff60, 2 },	 /* fullwidth forms */
	{ 0xffe0, 0xffe6, 2 },
	{ 0x1f300, 0x1f64f, 2 }, /* pictures, faces */
	{ 0x1f680, 0x1f6ff, 2 }, /* transport */
	{ 0x1f900, 0x1faff, 2 }, /* more pictures */
	{ 0x20000, 0x3fffd, 2 }, /* rare CJK */
};

static unsigned columns_of(uint32_t code)
{
	for (size_t i = 0; i < sizeof ranges / sizeof *ranges && code >= ranges[i].from; i++)
		if (code <= ranges[i].to)
			return ranges[i].columns;
	return 1;
}

size_t glyph_len(const char *text, unsigned *columns)
{
	const unsigned char *at = (const unsigned char *)text;
	const size_t len = at[0] < 0xc2 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : at[0] < 0xf5 ? 4 : 1;
	uint32_t code = len == 1 ? at[0] : at[0] & (0x7fu >> len);
	*columns = 1;
	for (size_t i = 1; i < len; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 1;
		code = code << 6 | (at[i] & 0x3f);
	}
	*columns = columns_of(code);
	return len;
}
