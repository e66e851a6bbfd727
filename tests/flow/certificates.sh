#!/bin/sh
# certificates.sh - a CA for the tests and certificates with every fault, in a folder.
# In: DIR.  Out: ca.pem, other-ca.pem (trusted by nobody), and for each of good, expired, future, wrong, short, soon,
# unknown, bare and self: NAME.pem (with what a server sends) and NAME.key.
# Why so: openssl's command line is what people make certificates with; dates are given as such, so no clock is moved.
set -eu
cd "$1"
at() { date -u -d "$1" +%Y%m%d%H%M%SZ; } # "3 days ago" as openssl ca wants it
new_key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1"; }

cat >ca.conf <<-END
	[ca]
	default_ca = test
	[test]
	database = index.txt
	rand_serial = yes
	new_certs_dir = .
	default_md = sha256
	policy = any
	copy_extensions = copy
	unique_subject = no
	[any]
	commonName = supplied
	[req]
	distinguished_name = dn
	[dn]
	[v3_ca]
	basicConstraints = critical, CA:TRUE
	keyUsage = critical, keyCertSign
END

# root FILE NAME
root() {
	new_key "$1.key"
	openssl req -config ca.conf -new -x509 -key "$1.key" -subj "/CN=$2" -days 3000 -extensions v3_ca -out "$1.pem"
}

# issue CA NAME SUBJECT SAN FROM UNTIL [EXTENSIONS]
issue() {
	: >index.txt
	new_key "$2.key"
	openssl req -config ca.conf -new -key "$2.key" -subj "/CN=$3" ${4:+-addext "subjectAltName=$4"} -out req.pem
	openssl ca -batch -notext -config ca.conf -cert "$1.pem" -keyfile "$1.key" -in req.pem -startdate "$(at "$5")" \
		-enddate "$(at "$6")" ${7:+-extensions "$7"} -out "$2.pem" 2>ca.log || { cat ca.log >&2; exit 1; }
}

root ca "Test Root"
root other-ca "Nobody's Root"
issue ca inter "Test Intermediate" "" "1 year ago" "5 years" v3_ca
issue inter good a.example DNS:a.example,DNS:*.wild.example,IP:127.0.0.1 "10 days ago" "90 days 1 hour"
issue ca expired a.example DNS:a.example "40 days ago" "73 hours ago"
issue ca future a.example DNS:a.example "49 hours" "40 days"
issue ca wrong b.example DNS:b.example,DNS:c.example "1 day ago" "90 days 1 hour"
issue ca short a.example DNS:a.example "1 day ago" "49 hours"
issue ca soon a.example DNS:a.example "1 day ago" "10 days 1 hour"
issue other-ca unknown a.example DNS:a.example "1 day ago" "90 days 1 hour"
cp good.pem bare.pem && cp good.key bare.key # without its intermediate
cat inter.pem >>good.pem
new_key self.key
openssl req -config ca.conf -new -x509 -key self.key -subj /CN=a.example -addext subjectAltName=DNS:a.example -days 90 -out self.pem
