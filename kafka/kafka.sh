#!/usr/bin/env bash
# Apache Kafka's command-line tools without Docker: kafka/kafka.sh TOOL [options], for example
#   kafka/kafka.sh topics --bootstrap-server 127.0.0.1:29092 --describe
# TOOL is the name of Kafka's own script without "kafka-". "fetch" only puts the jars in place.
# Needs Java 17+, and Maven the first time: the jars of pom.xml are kept in .cache/. KAFKA_VERSION takes another version than pom.xml has.
set -euo pipefail

usage() {
  echo "usage: $0 fetch|acls|topics|console-consumer|console-producer|consumer-groups|configs|features|get-offsets|dump-log|leader-election|metadata-quorum|storage|server-start [options]" >&2
  exit 2
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# The tools live for seconds: the quick compiler and the small collector get them there sooner.
jvm=(-Xmx256m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC)

case ${1:-} in
  fetch) main= ;;
  acls) main=AclCommand ;;
  topics) main=TopicCommand ;;
  console-consumer) main=ConsoleConsumer ;;
  console-producer) main=ConsoleProducer ;;
  consumer-groups) main=ConsumerGroupCommand ;;
  configs) main=ConfigCommand ;;
  features) main=FeatureCommand ;;
  get-offsets) main=GetOffsetShell ;;
  dump-log) main=DumpLogSegments ;;
  leader-election) main=LeaderElectionCommand ;;
  metadata-quorum) main=MetadataQuorumCommand ;;
  storage) main=StorageTool ;;
  server-start)
    main=Kafka
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
fetched "$here/pom.xml" copy-dependencies ${KAFKA_VERSION:+"-Dkafka.version=$KAFKA_VERSION"}
[ -n "$main" ] || exit 0
# Tools move to other packages from version to version; a jar has the names of what is in it as plain text.
read -r class < <(LC_ALL=C grep -haoE "(kafka|org/apache/kafka)(/[a-z]+)*/$main\.class" "$fetched"/kafka[-_]*.jar) ||
  fail "This version of Apache Kafka has no $main."
class=${class%.class}
class=${class//\//.}

exec "$java" "${jvm[@]}" -Dlog4j.configuration="file:$here/log4j.properties" -cp "$fetched/*" "$class" "$@"
