#!/usr/bin/env bash
# Apache Kafka's command-line tools without Docker: kafka/kafka.sh TOOL [options], for example
#   kafka/kafka.sh topics --bootstrap-server 127.0.0.1:29092 --describe
# TOOL is the name of Kafka's own script without "kafka-". "fetch" only puts the jars in place.
# Needs Java 17+, and Maven the first time: the jars of pom.xml are kept in .cache/.
set -euo pipefail

usage() {
  echo "usage: $0 fetch|acls|topics|console-consumer|console-producer|consumer-groups|configs|get-offsets|dump-log|leader-election|metadata-quorum|storage|server-start [options]" >&2
  exit 2
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# The tools live for seconds: the quick compiler and the small collector get them there sooner.
jvm=(-Xmx256m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC)

case ${1:-} in
  fetch) class= ;;
  acls) class=kafka.admin.AclCommand ;;
  topics) class=kafka.admin.TopicCommand ;;
  console-consumer) class=kafka.tools.ConsoleConsumer ;;
  console-producer) class=kafka.tools.ConsoleProducer ;;
  consumer-groups) class=kafka.admin.ConsumerGroupCommand ;;
  configs) class=kafka.admin.ConfigCommand ;;
  get-offsets) class=kafka.tools.GetOffsetShell ;;
  dump-log) class=kafka.tools.DumpLogSegments ;;
  leader-election) class=kafka.admin.LeaderElectionCommand ;;
  metadata-quorum) class=org.apache.kafka.tools.MetadataQuorumCommand ;;
  storage) class=kafka.tools.StorageTool ;;
  server-start)
    class=kafka.Kafka
    # The small collector again: on two cores it leaves more to the services. KAFKA_HEAP_OPTS is a list of words.
    # shellcheck disable=SC2206
    jvm=(${KAFKA_HEAP_OPTS:--Xmx512m} -XX:+UseSerialGC)
    ;;
  *) usage ;;
esac
shift

what='Apache Kafka'
# shellcheck source=kafka/java.sh
. "$here/java.sh"
fetched "$here/pom.xml" copy-dependencies
[ -n "$class" ] || exit 0

exec "$java" "${jvm[@]}" -Dlog4j.configuration="file:$here/log4j.properties" -cp "$fetched/*" "$class" "$@"
