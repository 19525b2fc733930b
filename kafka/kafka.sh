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
fail() { echo "$*" >&2; exit 1; }

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

java=${JAVA_HOME:+$JAVA_HOME/bin/}java
version=$("$java" -version 2>&1) || fail 'Java 17 or newer is needed to run Kafka without Docker: install a JDK or JRE 17+ (Debian: apt-get install openjdk-17-jre-headless; macOS: brew install openjdk@17), or use docker compose.'
major=$(sed -n 's/.* version "\([0-9]*\).*/\1/p' <<<"$version" | head -n 1)
[ "${major:-0}" -ge 17 ] || fail "Java 17 or newer is needed to run Kafka without Docker, and $java is version ${major:-unknown}: install a newer one or point JAVA_HOME at it."

# Named after the pom's checksum, so that a changed pom gets jars of its own.
jars=$here/.cache/$(cksum <"$here/pom.xml" | cut -d ' ' -f 1)
if [ ! -d "$jars" ]; then
  command -v mvn >/dev/null || fail "Maven is needed once to fetch Kafka's jars: install it (Debian: apt-get install maven; macOS: brew install maven), or use docker compose."
  mkdir -p "$here/.cache"
  part=$(mktemp -d "$here/.cache/part.XXXXXX")
  trap 'rm -rf "$part"' EXIT
  echo "Fetching Kafka's jars with Maven (once) ..." >&2
  mvn -q -B -Dstyle.color=never -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$part/jars" >&2 ||
    fail "Maven could not fetch Kafka's jars: see its message above, and check the network and ~/.m2/settings.xml."
  # The rename makes the cache appear complete or not at all; whoever comes second keeps the first one's.
  [ -d "$jars" ] || mv "$part/jars" "$jars"
  rm -rf "$part"
fi
[ -n "$class" ] || exit 0

exec "$java" "${jvm[@]}" -Dlog4j.configuration="file:$here/log4j.properties" -cp "$jars/*" "$class" "$@"
