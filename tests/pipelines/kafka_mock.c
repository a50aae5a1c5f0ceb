// SPDX-License-Identifier: GPL-2.0-only
/*
 * A Kafka cluster: librdkafka's own, which speaks the real protocol on real sockets, in a process that a test can stop.
 *
 * usage: kafka_mock TOPIC PARTITIONS BROKERS; prints the brokers' addresses. Commands on stdin: "down" closes all connections
 * and refuses new ones, "up" ends that, "refuse N" answers the next N requests to produce with an error for good.
 */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void refuse(rd_kafka_mock_cluster_t *cluster, int n)
{
	const int16_t produce = 0;

	while (n-- > 0)
		rd_kafka_mock_push_request_errors(cluster, produce, 1, RD_KAFKA_RESP_ERR_INVALID_MSG);
}

int main(int argc, char **argv)
{
	char error[256], command[64];
	int brokers = argc > 3 ? atoi(argv[3]) : 1;
	rd_kafka_t *handle = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), error, sizeof(error));
	rd_kafka_mock_cluster_t *cluster = handle ? rd_kafka_mock_cluster_new(handle, brokers) : NULL;

	if (!cluster || argc < 3 || rd_kafka_mock_topic_create(cluster, argv[1], atoi(argv[2]), 1))
		return 1;
	printf("%s\n", rd_kafka_mock_cluster_bootstraps(cluster));
	fflush(stdout);
	while (fgets(command, sizeof(command), stdin)) {
		for (int i = 1; i <= brokers; i++) {
			if (!strncmp(command, "down", 4))
				rd_kafka_mock_broker_set_down(cluster, i);
			else if (!strncmp(command, "up", 2))
				rd_kafka_mock_broker_set_up(cluster, i);
		}
		if (!strncmp(command, "refuse", 6))
			refuse(cluster, atoi(command + 6));
		printf("done\n");
		fflush(stdout);
	}
	return 0;
}
