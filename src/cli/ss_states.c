// SPDX-License-Identifier: GPL-2.0-only
#include "ss_states.h"

#include "nearest.h"
#include "parse.h"

#define BIT(state) (1u << (state))
#define CONNECTED (SS_STATES_ALL & ~(BIT(WIRE_LISTEN) | BIT(WIRE_CLOSE)))
#define BUCKET (BIT(WIRE_SYN_RECV) | BIT(WIRE_TIME_WAIT))

static const struct {
	const char *word;
	uint32_t states;
} state_sets[] = {
	{"all", SS_STATES_ALL},
	{"connected", CONNECTED},
	{"synchronized", CONNECTED & ~BIT(WIRE_SYN_SENT)},
	{"bucket", BUCKET},
	{"big", SS_STATES_ALL & ~BUCKET},
	{"established", BIT(WIRE_ESTABLISHED)},
	{"syn-sent", BIT(WIRE_SYN_SENT)},
	{"syn-recv", BIT(WIRE_SYN_RECV)},
	{"syn-rcv", BIT(WIRE_SYN_RECV)},
	{"fin-wait-1", BIT(WIRE_FIN_WAIT1)},
	{"fin-wait-2", BIT(WIRE_FIN_WAIT2)},
	{"time-wait", BIT(WIRE_TIME_WAIT)},
	{"close-wait", BIT(WIRE_CLOSE_WAIT)},
	{"last-ack", BIT(WIRE_LAST_ACK)},
	{"closing", BIT(WIRE_CLOSING)},
	{"closed", BIT(WIRE_CLOSE)},
	{"close", BIT(WIRE_CLOSE)},
	{"unconnected", BIT(WIRE_CLOSE)},
	{"listening", BIT(WIRE_LISTEN)},
	{"listen", BIT(WIRE_LISTEN)},
};
#define STATE_SETS (sizeof(state_sets) / sizeof(state_sets[0]))

uint32_t ss_states_find(const char *word)
{
	uint32_t state;

	for (size_t i = 0; i < STATE_SETS; i++)
		if (parse_name_equal(word, state_sets[i].word))
			return state_sets[i].states;
	return parse_state_alias(word, &state) ? BIT(state) : 0;
}

void ss_states_suggest(struct nearest *nearest)
{
	for (size_t i = 0; i < STATE_SETS; i++)
		nearest_try(nearest, state_sets[i].word);
}

const char *ss_states_word(size_t n)
{
	return n < STATE_SETS ? state_sets[n].word : NULL;
}
