"""Makes and checks tokens with openssl, so that none of our own code is on both sides.

tokens.py make ALGORITHM KEY_FILE CLAIMS [HEADER]     a token; CLAIMS and HEADER are JSON, HEADER is added to alg
tokens.py check ALGORITHM KEY_FILE                    reads a token from standard input; KEY_FILE is a secret or a public key
"""
import base64
import hashlib
import hmac
import json
import subprocess
import sys
import tempfile

HASH = {"256": "sha256", "384": "sha384", "512": "sha512"}
SIZE = {"ES256": 32, "ES384": 48, "ES512": 66}


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def openssl(*arguments, data=None):
    return subprocess.run(["openssl", *arguments], input=data, check=True, capture_output=True).stdout


def integer(der, offset):
    length = der[offset + 1]
    return int.from_bytes(der[offset + 2 : offset + 2 + length], "big"), offset + 2 + length


def raw(der, size):
    """The two numbers of an ECDSA signature, side by side."""
    offset = 2 if der[1] < 0x80 else 2 + (der[1] & 0x7F)
    r, offset = integer(der, offset)
    s, _ = integer(der, offset)
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def der(signature):
    half = len(signature) // 2
    body = b""
    for part in (signature[:half], signature[half:]):
        number = int.from_bytes(part, "big")
        octets = number.to_bytes(number.bit_length() // 8 + 1, "big")
        body += bytes([2, len(octets)]) + octets
    return bytes([0x30]) + (bytes([len(body)]) if len(body) < 0x80 else bytes([0x81, len(body)])) + body


def options(algorithm):
    if algorithm.startswith("PS"):
        return ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:-1"]
    return []


def sign(algorithm, key, data):
    if algorithm.startswith("HS"):
        secret = open(key, "rb").read().rstrip(b"\n")
        return hmac.new(secret, data, HASH[algorithm[2:]]).digest()
    if algorithm == "EdDSA":
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            return openssl("pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", file.name)
    signature = openssl("dgst", "-" + HASH[algorithm[2:]], *options(algorithm), "-sign", key, data=data)
    return raw(signature, SIZE[algorithm]) if algorithm in SIZE else signature


def check(algorithm, key, data, signature):
    if algorithm.startswith("HS"):
        return hmac.compare_digest(sign(algorithm, key, data), signature)
    with tempfile.NamedTemporaryFile() as file, tempfile.NamedTemporaryFile() as text:
        file.write(der(signature) if algorithm in SIZE else signature)
        file.flush()
        text.write(data)
        text.flush()
        if algorithm == "EdDSA":
            command = ["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", key, "-in", text.name, "-sigfile", file.name]
        else:
            command = ["dgst", "-" + HASH[algorithm[2:]], *options(algorithm), "-verify", key, "-signature", file.name, text.name]
        return subprocess.run(["openssl", *command], capture_output=True).returncode == 0


def make(algorithm, key, claims, header="{}"):
    fields = {"alg": algorithm, "typ": "JWT", **json.loads(header)}
    signed = encode(json.dumps(fields).encode()) + "." + encode(claims.encode())
    return signed + "." + encode(sign(algorithm, key, signed.encode()))


if __name__ == "__main__":
    if sys.argv[1] == "make":
        print(make(*sys.argv[2:]))
    else:
        token = sys.stdin.read().strip()
        signed, _, signature = token.rpartition(".")
        header, claims = (json.loads(decode(part)) for part in signed.split("."))
        if header["alg"] != sys.argv[2] or not check(sys.argv[2], sys.argv[3], signed.encode(), decode(signature)):
            sys.exit("the signature is not good")
        print(json.dumps({"header": header, "claims": claims}))
