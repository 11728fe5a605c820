"""Serves the public keys of a folder as a JWK set, over http or https: NAME.pem has the key ID NAME. The folder is read at each request.

key_set_server.py PORT FOLDER [CERTIFICATE KEY]

Files of the folder change what is answered: `redirect` sends elsewhere, `huge` is more than a mebibyte, `symmetric` adds the key of an HMAC,
`slow` never answers, `down` is a 500. Each request is one line in the file `requests`.
"""
import base64
import http.server
import json
import os
import ssl
import subprocess
import sys
import time

PORT, FOLDER = int(sys.argv[1]), sys.argv[2]


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*arguments):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True).stdout


def key(path):
    der = openssl("pkey", "-pubin", "-in", path, "-outform", "DER")
    name = os.path.basename(path).removesuffix(".pem")
    for curve, size in (("P-256", 32), ("P-384", 48), ("P-521", 66)):
        if len(der) < 200 and der[-2 * size - 1 : -2 * size] == b"\x04" and der[-2 * size - 2] == 0:
            return {"kid": name, "kty": "EC", "crv": curve, "x": encode(der[-2 * size : -size]), "y": encode(der[-size:])}
    if len(der) == 44:
        return {"kid": name, "kty": "OKP", "crv": "Ed25519", "use": "sig", "x": encode(der[-32:])}
    modulus = openssl("rsa", "-pubin", "-in", path, "-modulus", "-noout").split(b"=")[1].strip()
    return {"kid": name, "kty": "RSA", "n": encode(bytes.fromhex(modulus.decode())), "e": "AQAB"}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        names = sorted(os.listdir(FOLDER))
        with open(os.path.join(FOLDER, "requests"), "a") as log:
            log.write(self.path + "\n")
        if "slow" in names:
            time.sleep(60)
        if "down" in names:
            return self.send_error(500)
        if "redirect" in names:
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        keys = [key(os.path.join(FOLDER, name)) for name in names if name.endswith(".pem")]
        if "symmetric" in names:
            keys.append({"kid": "shared", "kty": "oct", "alg": "HS256", "k": encode(b"s" * 32)})
        if "huge" in names:
            keys += [{"kty": "x", "x": "x" * 1024}] * 1100
        body = json.dumps({"keys": keys}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3], sys.argv[4])
    server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
