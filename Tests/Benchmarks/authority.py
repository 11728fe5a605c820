"""A certificate authority of a run's own, by the openssl command line."""

import subprocess

CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


class Authority:
    def __init__(self, stage):
        self.stage = stage
        self.certificate, self.key = stage.path("authority.pem"), stage.path("authority.key")
        openssl("req", "-x509", *CURVE, "-keyout", self.key, "-out", self.certificate, "-days", "30", "-subj", "/CN=Pico test authority")

    def issue(self):
        """A certificate for localhost and 127.0.0.1, of P-256: two PEM files, itself and its key."""
        request, certificate, key = (self.stage.path(name) for name in ("server.csr", "server.pem", "server.key"))
        extensions = self.stage.write("server.ext", "subjectAltName=DNS:localhost,DNS:bench.example,IP:127.0.0.1\n")
        openssl("req", *CURVE, "-keyout", key, "-out", request, "-subj", "/CN=pico")
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-days", "30",
                "-extfile", extensions, "-out", certificate)
        return certificate, key


def openssl(*words):
    done = subprocess.run(["openssl", *words], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"openssl {words[0]}: {done.stderr.strip()}")
