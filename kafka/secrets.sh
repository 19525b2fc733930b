#!/usr/bin/env bash
# Makes the keys, certificates and passwords of the secure system that are missing, and keeps what is there:
#   secrets.sh ROOT [BROKER…]                       (kafka, kafka-2 and kafka-3 by default)
#   secrets.sh --renew ROOT [BROKER…]               new certificates of the brokers
#   secrets.sh --password PRINCIPAL ROOT [BROKER…]  a new password
#   secrets.sh --ca ROOT [BROKER…]                  a new CA; the one before it stays trusted until ROOT/ca/old.pem is removed
# ROOT/ca/ is for this script alone, ROOT/brokers/ for the brokers, ROOT/PRINCIPAL/ for each principal of acls.conf.
#   PASSWORDS  folder with passwords to take instead of made ones, each in a file named after its principal
#   OWNER      user that the files shall belong to
# A file is replaced at once or not at all, so it can run beside whoever reads them. Needs bash and openssl.
set -euo pipefail
umask 077
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ca_days=3650
leaf_days=397
renew_before_days=30

fail() { echo "$*" >&2; exit 1; }
task=
changed=
case ${1:-} in
  --renew | --ca) task=$1; shift ;;
  --password) task=$1; changed=${2:-}; shift $(($# < 2 ? $# : 2)) ;;
esac
[ $# -gt 0 ] && [[ $1 != -* ]] || { sed -n '2,6s/^# //p' "${BASH_SOURCE[0]}" >&2; exit 2; }
mkdir -p "$1"
root=$(cd "$1" && pwd)
shift
[ $# -gt 0 ] || set -- kafka kafka-2 kafka-3
principals=$(awk '!/^#/ && NF { print $1 }' "$here/acls.conf" | sort -u)
# A user of this name would be taken for a broker, and may do everything.
! grep -qx broker <<<"$principals" || fail 'acls.conf: broker is the name of the brokers themselves'

give() { [ -z "${OWNER:-}" ] || chown "$OWNER" "$@"; }
folder() { mkdir -p "$1" && chmod 700 "$1" && give "$1"; }
# put FILE: stdin becomes its content, unless it is that already.
put() {
  local part
  part=$(mktemp "$1.XXXXXX")
  cat >"$part"
  if [ -e "$1" ] && [ "$(<"$part")" = "$(<"$1")" ]; then rm "$part"; return; fi
  chmod 400 "$part"
  give "$part"
  mv -f "$part" "$1"
}
new_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }

folder "$root/ca"
ca=$root/ca
if [ "$task" = --ca ] && [ -e "$ca/ca.pem" ]; then
  [ ! -e "$ca/old.pem" ] || fail 'a change of the CA is not over yet: ca/old.pem is still there'
  put "$ca/old.pem" <"$ca/ca.pem"
  rm "$ca/ca.pem"
fi
if [ ! -e "$ca/ca.pem" ]; then
  # A name of its own, so that two of them can be trusted side by side.
  new_key "$ca/ca.key.part"
  openssl req -x509 -new -sha256 -days $ca_days -key "$ca/ca.key.part" -config <(printf '%s\n' '[req]' 'distinguished_name = name' 'prompt = no' \
    'x509_extensions = ca' '[name]' 'O = kafka' "CN = Kafka CA $(openssl rand -hex 4)" '[ca]' 'basicConstraints = critical, CA:true, pathlen:0' \
    'keyUsage = critical, keyCertSign, cRLSign' 'subjectKeyIdentifier = hash') -out "$ca/ca.pem.part"
  mv "$ca/ca.key.part" "$ca/ca.key"
  put "$ca/ca.pem" <"$ca/ca.pem.part"
  rm "$ca/ca.pem.part"
  echo 'a new CA'
fi
trusted=$(cat "$ca/ca.pem" "$ca/old.pem" 2>/dev/null || true)

# certificate NAME: a new key and certificate of a broker, in one file with the CA's.
certificate() {
  new_key "$ca/leaf.key"
  openssl req -new -key "$ca/leaf.key" -config <(printf '%s\n' '[req]' 'distinguished_name = name' 'prompt = no' '[name]' 'O = broker' "CN = $1") |
    openssl x509 -req -sha256 -days $leaf_days -CA "$ca/ca.pem" -CAkey "$ca/ca.key" -set_serial "0x$(openssl rand -hex 16)" -extfile <(printf '%s\n' \
      "subjectAltName = DNS:$1, DNS:localhost, IP:127.0.0.1" 'basicConstraints = critical, CA:false' 'keyUsage = critical, digitalSignature' \
      'extendedKeyUsage = serverAuth, clientAuth' 'authorityKeyIdentifier = keyid') 2>/dev/null |
    cat "$ca/leaf.key" - "$ca/ca.pem" | put "$root/brokers/$1.pem"
  rm "$ca/leaf.key"
  echo "a new certificate of $1"
}
holds() { # holds FILE: it lasts, and who trusts the CA trusts it
  [ -e "$1" ] && openssl x509 -in "$1" -noout -checkend $((86400 * renew_before_days)) >/dev/null &&
    openssl verify -CAfile <(echo "$trusted") "$1" >/dev/null 2>&1
}

folder "$root/brokers"
folder "$root/brokers/users"
put "$root/brokers/ca.pem" <<<"$trusted"
for name in "$@"; do
  if [ "$task" = --renew ] || ! holds "$root/brokers/$name.pem"; then certificate "$name"; fi
  put "$root/brokers/$name.properties" <<END
# For Kafka's own tools as User:broker, at localhost:9095 or another broker's port for brokers.
security.protocol=SSL
ssl.keystore.type=PEM
ssl.keystore.location=$root/brokers/$name.pem
ssl.truststore.type=PEM
ssl.truststore.location=$root/brokers/ca.pem
END
done

[ -z "$changed" ] || grep -qx "$changed" <<<"$principals" || fail "acls.conf has no principal $changed"
# password PRINCIPAL: the one given, else the one that is there, else a new one.
password() {
  local given=${PASSWORDS:-}/$1 text
  if [ -n "${PASSWORDS:-}" ] && [ -e "$given" ]; then
    [ "$changed" != "$1" ] || fail "the password of $1 is given as a file: change it there"
    text=$(<"$given")
    [[ $text =~ ^[A-Za-z0-9._~+/=-]{12,128}$ ]] || fail "the password given for $1 must have 12 to 128 characters: letters, digits and ._~+/=-"
    printf %s "$text"
  elif [ -e "$root/$1/password" ] && [ "$changed" != "$1" ]; then
    cat "$root/$1/password"
  else
    openssl rand -hex 24 | tr -d '\n'
  fi
}
for principal in $principals; do
  folder "$root/$principal"
  text=$(password "$principal")
  put "$root/$principal/ca.pem" <<<"$trusted"
  printf %s "$text" | put "$root/$principal/password"
  printf %s "$text" | put "$root/brokers/users/$principal"
  # The CA is in it, so that the file can be taken elsewhere alone.
  put "$root/$principal/client.properties" <<END
security.protocol=SASL_SSL
sasl.mechanism=SCRAM-SHA-512
sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="$principal" password="$text";
ssl.truststore.type=PEM
ssl.truststore.certificates=$(tr '\n' ' ' <<<"$trusted")
END
  put "$root/$principal/kcat.conf" <<END
security.protocol=SASL_SSL
sasl.mechanism=SCRAM-SHA-512
sasl.username=$principal
sasl.password=$text
ssl.ca.location=ca.pem
END
done
for file in "$root/brokers/users"/*; do
  grep -qx "${file##*/}" <<<"$principals" || rm -f "$file"
done
