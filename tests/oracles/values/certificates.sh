#!/bin/bash
# certificates.sh FOLDER: makes files of PEM, sound and not, of keys that are made here: FOLDER/NAME.
set -euo pipefail
files=$1
keys=$(mktemp -d)
trap 'rm -r "$keys"' EXIT
cd "$keys"
sign() { # sign NAME [OPTION...]: a certificate for the key NAME
    local name=$1
    shift
    openssl req -new -key "$name.key" -out "$name.csr" -subj "/CN=$name.example"
    openssl x509 -req -in "$name.csr" -CA int.crt -CAkey int.key -CAcreateserial -out "$name.crt" -days 9 "$@"
}
make() { # make NAME FILE...
    local name=$1
    shift
    cat "$@" > "$files/$name"
}
{
    openssl req -x509 -newkey rsa:2048 -nodes -keyout root.key -out root.crt -days 9 -subj /CN=Root
    openssl req -newkey rsa:2048 -nodes -keyout int.key -out int.csr -subj /CN=Int
    openssl x509 -req -in int.csr -CA root.crt -CAkey root.key -CAcreateserial -out int.crt -days 9
    openssl genrsa -out rsa.key 2048
    openssl genrsa -out short.key 1024
    for name in rsa short; do sign "$name"; done
    openssl rsa -in rsa.key -traditional -out pkcs1.key
    openssl rsa -in rsa.key -aes256 -traditional -out closed1.key -passout pass:x
    openssl pkcs8 -topk8 -in rsa.key -out closed8.key -passout pass:x
    for curve in prime256v1 secp384r1 secp521r1 secp256k1 brainpoolP256r1; do
        openssl ecparam -name "$curve" -genkey -out "$curve.key"
        sign "$curve"
        openssl pkcs8 -topk8 -nocrypt -in "$curve.key" -out "$curve.pkcs8"
        make "$curve-pkcs8" "$curve.crt" "$curve.pkcs8" int.crt
    done
    openssl ecparam -name prime256v1 -genkey -noout -out bare.key
    sign bare
    openssl ec -in prime256v1.key -conv_form compressed -out compressed.key
    sign compressed
    for kind in ed25519 ed448 rsa-pss; do
        openssl genpkey -algorithm "$kind" -out "$kind.key"
        sign "$kind"
    done
    cp rsa.key sha1.key
    sign sha1 -sha1
    mkdir ca
    : > ca/index
    echo 01 > ca/serial
    printf '%s\n' '[ca]' default_ca=c '[c]' database=ca/index serial=ca/serial new_certs_dir=ca default_md=sha256 policy=p \
        '[p]' commonName=supplied > ca/conf
    openssl ca -batch -notext -config ca/conf -cert int.crt -keyfile int.key -in rsa.csr -out past.crt \
        -startdate 20200101000000Z -enddate 20210101000000Z
    : > ca/index
    openssl ca -batch -notext -config ca/conf -cert int.crt -keyfile int.key -in rsa.csr -out future.crt \
        -startdate 20980101000000Z -enddate 20990101000000Z
    openssl dhparam -dsaparam -out dh 2048
    openssl x509 -in rsa.crt -addtrust serverAuth -trustout -out trusted.crt
    openssl ec -in prime256v1.key -pubout -out public.pem
    ssh-keygen -q -t ed25519 -N '' -f openssh
} > log 2>&1 || { cat log; exit 1; }

for name in rsa short prime256v1 secp384r1 secp521r1 secp256k1 brainpoolP256r1 bare compressed ed25519 ed448 rsa-pss sha1; do
    make "$name" "$name.crt" "$name.key" int.crt
done
# In every order.
make key-first rsa.key rsa.crt int.crt
make chain-first int.crt rsa.crt rsa.key
make root-first root.crt int.crt rsa.key rsa.crt
make mixed root.crt prime256v1.key int.crt prime256v1.crt
make unsorted rsa.crt rsa.key root.crt int.crt
make twice rsa.crt rsa.crt rsa.key int.crt int.crt
make two-keys rsa.crt bare.key rsa.key
make alien-chain rsa.crt rsa.key bare.crt
# Which is not all there, not open, or not whole.
make no-key rsa.crt int.crt
make no-certificate rsa.key
make nothing /dev/null
echo 'a certificate' > "$files/no-pem"
make other-key rsa.crt bare.key
make other-rsa-key rsa.crt int.key
make closed-pkcs8 rsa.crt closed8.key
make closed-pkcs1 rsa.crt closed1.key
make openssh rsa.crt openssh
make pkcs1 rsa.crt pkcs1.key
make short-chain rsa.crt rsa.key short.crt
make past past.crt rsa.key
make future future.crt rsa.key
make parameters rsa.crt rsa.key dh
make trusted trusted.crt rsa.key
make public rsa.crt public.pem rsa.key
make request rsa.crt rsa.key rsa.csr
ok=$files/rsa
sed '5s/./!/' "$ok" > "$files/wrong-digit"
sed 5d "$ok" > "$files/missing-line"
head -c -40 "$ok" > "$files/cut"
sed '/-----END PRIVATE KEY-----/d' "$ok" > "$files/no-end"
block() { printf -- '-----BEGIN %s-----\n%s\n-----END %s-----\n' "$1" "$2" "$1"; }
{ cat "$ok"; block CERTIFICATE AAAA; } > "$files/wrong-chain"
{ cat rsa.crt; block 'PRIVATE KEY' AAAA; } > "$files/wrong-key"
{ cat "$ok"; block WHATEVER '!!'; } > "$files/wrong-other"
# As other systems write them.
sed 's/$/\r/' "$ok" > "$files/crlf"
{ printf '\xef\xbb\xbf'; cat "$ok"; } > "$files/mark"
sed 's/^/  /' "$ok" > "$files/indented"
sed 's/-----END CERTIFICATE-----/&  /' "$ok" > "$files/blanks"
{ printf 'Bag Attributes\n    friendlyName: x\nsubject=CN = rsa\n'; cat "$ok"; echo issuer; } > "$files/bag"
{ sed -n 1p rsa.crt; sed '1d;$d' rsa.crt | tr -d '\n'; echo; tail -n 1 rsa.crt; cat rsa.key; } > "$files/long-line"
