/* doctor_print.c - the doctor's report, for people and for programs.
 * In: findings.  Out: a table with the mending command below what needs it, or one JSON object.  Owns: nothing. */
#include "cli/colour.h"
#include "cli/doctor.h"

#include "base/must.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *const doctor_verdict_names[DOCTOR_VERDICTS] = { "ok", "warn", "bad", "skip" };

struct doctor_finding *doctor_add(struct doctor_report *report, const char *name)
{
	must(report->count < DOCTOR_FINDINGS_MAX);
	struct doctor_finding *f = &report->finding[report->count++];
	*f = (struct doctor_finding){ .name = name };
	return f;
}

void doctor_say(struct doctor_finding *f, enum doctor_verdict verdict, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(f->found, sizeof f->found, format, args);
	va_end(args);
	f->verdict = verdict;
}

void doctor_mend(struct doctor_finding *f, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(f->mend, sizeof f->mend, format, args);
	va_end(args);
}

/* Line by line, so that they can be copied. */
static void table_mend(struct text *to, int width, const char *mend)
{
	const char *before = "mend:";
	for (const char *line = mend; line; line = strchr(line, '\n')) {
		line += line != mend; /* past the end of the last one */
		text_printf(to, "      %*s  %-5s %.*s\n", width, "", before, (int)strcspn(line, "\n"), line);
		before = "";
	}
}

static const char *colour_of(enum doctor_verdict verdict)
{
	static const char *const colours[DOCTOR_VERDICTS] = { COLOUR_GREEN, COLOUR_YELLOW, COLOUR_RED, COLOUR_DIM };
	return colours[verdict];
}

void doctor_table(struct text *to, const struct doctor_report *report, bool coloured)
{
	int width = 0;
	for (unsigned i = 0; i < report->count; i++)
		if ((int)strlen(report->finding[i].name) > width)
			width = (int)strlen(report->finding[i].name);
	for (unsigned i = 0; i < report->count; i++) {
		const struct doctor_finding *f = &report->finding[i];
		const char *verdict = doctor_verdict_names[f->verdict];
		text_printf(to, "%s%s%s%*s  %-*s  %s\n", coloured ? colour_of(f->verdict) : "", verdict,
			    coloured ? COLOUR_END : "", 4 - (int)strlen(verdict), "", width, f->name, f->found);
		if (*f->mend)
			table_mend(to, width, f->mend);
	}
}

void doctor_json(struct text *to, const struct doctor_report *report)
{
	text_add(to, "{\"schema\":\"portwatch.doctor/1\",\"checks\":[");
	for (unsigned i = 0; i < report->count; i++) {
		const struct doctor_finding *f = &report->finding[i];
		text_printf(to, "%s\n{\"name\":\"%s\",\"verdict\":\"%s\",\"found\":", i ? "," : "", f->name,
			    doctor_verdict_names[f->verdict]);
		text_json_string(to, f->found, strlen(f->found));
		text_add(to, ",\"mend\":");
		if (*f->mend)
			text_json_string(to, f->mend, strlen(f->mend));
		else
			text_add(to, "null");
		text_add(to, "}");
	}
	text_add(to, "\n]}\n");
}
