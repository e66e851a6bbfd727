/* rules.c - reads the peer's one-line rules and prints their counters.
 * In: PORTS=ACTION from the command line.  Out: struct rules, later one line of JSON.
 * Why so: a story's peer should be readable in the story, so there is no file format. */
#include "rules.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char rules_help[] =
	"A RULE is PORTS=ACTION; PORTS is N or N-M.  Ports that no rule lists are silent.\n"
	"\n"
	"  silent        nothing is answered\n"
	"  open          SYN-ACK; data is acknowledged, FIN is answered with FIN\n"
	"  banner        like open, and sends a line of text when the handshake is complete\n"
	"  fin           like open, and sends FIN when the handshake is complete\n"
	"  reset         SYN-ACK; RST when the handshake is complete (SYN proxy, dead backend)\n"
	"  synack+rst    SYN-ACK and RST in one burst, before the handshake can be complete\n"
	"  rst           RST+ACK to the SYN\n"
	"  badrst        RST without ACK and with a wrong number; a kernel must ignore it\n"
	"  icmp=T/C      ICMP error (IPv4) of that type and code, quoting the SYN\n"
	"  icmp6=T/C     the same for IPv6; one rule may carry both\n"
	"\n"
	"Parameters follow the action, separated by commas:\n"
	"  after=20ms    delay (us, ms, s) of the packet the action is about: the SYN-ACK of open,\n"
	"                the RST of rst, reset and badrst, the ICMP error, the text, the FIN\n"
	"  drop=N        ignore the first N SYNs of each connection attempt\n"
	"  from=ADDR     who sends the ICMP error; once for each family; from=target is the\n"
	"                address that was probed; without it a router-like address of the prefix\n"
	"\n"
	"Examples: 1000-1999=open,after=20ms  2000=icmp=3/1,icmp6=1/3  2001=icmp=3/3,from=target\n";

static const struct { const char *word; enum answer answer; } words[] = {
	{ "silent", ANSWER_SILENT },         { "open", ANSWER_OPEN },     { "rst", ANSWER_RST },
	{ "reset", ANSWER_RESET },           { "badrst", ANSWER_BADRST }, { "banner", ANSWER_BANNER },
	{ "synack+rst", ANSWER_SYNACK_RST }, { "fin", ANSWER_FIN },
};

void rules_init(struct rules *rules)
{
	memset(rules, 0, sizeof *rules);
	rules->count = 1; /* [0] is all zero: silent */
}

/* A decimal number that ends at one of `ends` (the terminating zero always counts). */
static bool number(const char **text, const char *ends, unsigned long max, unsigned long *value)
{
	char *end;

	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	*value = strtoul(*text, &end, 10);
	if (errno || *value > max || (*end && !strchr(ends, *end)))
		return false;
	*text = end;
	return true;
}

static bool read_ports(const char *text, struct rule *rule)
{
	unsigned long first, last;

	if (!number(&text, "-", 65535, &first) || first == 0)
		return false;
	last = first;
	if (*text == '-') {
		text++;
		if (!number(&text, "", 65535, &last) || last < first)
			return false;
	}
	rule->first = (uint16_t)first;
	rule->last = (uint16_t)last;
	return true;
}

static bool read_icmp(const char *text, struct icmp_answer *icmp)
{
	unsigned long type, code;

	if (!number(&text, "/", 255, &type) || *text++ != '/' || !number(&text, "", 255, &code))
		return false;
	*icmp = (struct icmp_answer){ .set = true, .type = (uint8_t)type, .code = (uint8_t)code };
	return true;
}

static bool read_duration(const char *text, uint64_t *ns)
{
	unsigned long amount;

	if (!number(&text, "ums", 1000 * 1000 * 1000, &amount))
		return false;
	if (strcmp(text, "us") == 0)
		*ns = amount * 1000ULL;
	else if (strcmp(text, "ms") == 0)
		*ns = amount * 1000000ULL;
	else if (strcmp(text, "s") == 0 && amount <= 3600)
		*ns = amount * 1000000000ULL;
	else
		return false;
	return true;
}

static bool read_from(const char *text, struct rule *rule)
{
	if (strcmp(text, "target") == 0)
		return rule->from_target = true;
	if (inet_pton(AF_INET, text, rule->from4) == 1)
		return rule->from4_set = true;
	if (inet_pton(AF_INET6, text, rule->from6) == 1)
		return rule->from6_set = true;
	return false;
}

/* One word between commas.  *have_action says whether an action has been named already. */
static const char *read_word(char *word, struct rule *rule, bool *have_action)
{
	unsigned long drop;
	const char *value;

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(word, words[i].word) == 0) {
			if (*have_action)
				return "a rule has one action";
			rule->answer = words[i].answer;
			*have_action = true;
			return NULL;
		}
	value = strchr(word, '=');
	value = value ? value + 1 : "";
	if (strncmp(word, "icmp=", 5) == 0 || strncmp(word, "icmp6=", 6) == 0) {
		if (*have_action && rule->answer != ANSWER_ICMP)
			return "a rule has one action";
		rule->answer = ANSWER_ICMP;
		*have_action = true;
		if (!read_icmp(value, word[4] == '6' ? &rule->icmp6 : &rule->icmp4))
			return "an ICMP answer is TYPE/CODE, two numbers from 0 to 255";
		return NULL;
	}
	if (strncmp(word, "after=", 6) == 0)
		return read_duration(value, &rule->after_ns)
			? NULL : "after= wants a whole number with us, ms or s, at most an hour";
	if (strncmp(word, "drop=", 5) == 0) {
		if (!number(&value, "", 200, &drop))
			return "drop= wants a number from 0 to 200";
		rule->drop = (unsigned)drop;
		return NULL;
	}
	if (strncmp(word, "from=", 5) == 0)
		return read_from(value, rule) ? NULL : "from= wants an IPv4 or IPv6 address, or `target`";
	return "this word is not in the rule language (see --help)";
}

const char *rules_add(struct rules *rules, const char *text)
{
	static char sentence[256];
	char ports[16], actions[256], *rest = actions, *word;
	const char *equals = strchr(text, '='), *wrong;
	struct rule *rule = &rules->rule[rules->count];
	bool have_action = false;

	if (!equals)
		return "a rule is PORTS=ACTION, and there is no `=`";
	if (rules->count == RULES_MAX)
		return "too many rules (at most 511)";
	*rule = (struct rule){ .text = text, .ports_length = (int)(equals - text) };
	if (snprintf(actions, sizeof actions, "%s", equals + 1) >= (int)sizeof actions)
		return "the action has more than 255 characters";
	if (snprintf(ports, sizeof ports, "%.*s", rule->ports_length, text) >= (int)sizeof ports ||
	    !read_ports(ports, rule)) {
		snprintf(sentence, sizeof sentence, "`%.60s` is neither a port nor a range N-M of ports", ports);
		return sentence;
	}
	while ((word = strsep(&rest, ","))) {
		wrong = read_word(word, rule, &have_action);
		if (wrong) {
			snprintf(sentence, sizeof sentence, "at `%.60s`: %s", word, wrong);
			return sentence;
		}
	}
	if (!have_action)
		return "no action is named, only parameters";
	if (rule->answer != ANSWER_ICMP && (rule->from4_set || rule->from6_set || rule->from_target))
		return "from= belongs to icmp= and icmp6= only";
	for (unsigned port = rule->first; port <= rule->last; port++) {
		const struct rule *other = &rules->rule[rules->by_port[port]];

		if (rules->by_port[port]) {
			snprintf(sentence, sizeof sentence, "port %u is already taken by the rule for %.*s", port,
				 other->ports_length, other->text);
			return sentence;
		}
		rules->by_port[port] = (uint16_t)rules->count;
	}
	rules->count++;
	return NULL;
}

static void counts_print(const struct counts *c, FILE *out)
{
	fprintf(out, "\"syn\":%lu,\"ack\":%lu,\"rst\":%lu,\"fin\":%lu,\"sent\":%lu", c->syn, c->ack, c->rst,
		c->fin, c->sent);
}

void rules_report(const struct rules *rules, uint64_t late_dropped, FILE *out)
{
	struct counts total = { 0 };

	fputs("{\"rules\":[", out);
	for (unsigned i = 0; i < rules->count; i++) {
		const struct counts *c = &rules->rule[i].counts;

		total.syn += c->syn;
		total.ack += c->ack;
		total.rst += c->rst;
		total.fin += c->fin;
		total.sent += c->sent;
		if (i == 0)
			continue;
		/* Nothing to escape: a rule that was accepted has no quote and no backslash in it. */
		fprintf(out, "%s{\"ports\":\"%.*s\",\"action\":\"%s\",", i > 1 ? "," : "", rules->rule[i].ports_length,
			rules->rule[i].text, rules->rule[i].text + rules->rule[i].ports_length + 1);
		counts_print(c, out);
		fputc('}', out);
	}
	fputs("],", out);
	counts_print(&total, out);
	fprintf(out, ",\"unlisted\":%lu,\"delays_lost\":%lu}\n", rules->rule[0].counts.syn, late_dropped);
	fflush(out);
}
