# A SCRAM-SHA-256 client (RFC 5802, RFC 7677) that shares nothing with the server: Python's hashlib, hmac and ssl.
# It sends names and passwords as they are, without SASLprep, as simple devices do, and binds by tls-server-end-point.
# What to do comes as JSON on stdin: one connection, or two where the second resumes the first's TLS session; in the last
# one, one attempt after the other. What happened goes as JSON to stdout. Stops at the first login that succeeds.
import base64
import hashlib
import hmac
import json
import secrets
import socket
import ssl
import sys

order = json.load(sys.stdin)
NAME = order["name"].encode()
PASSWORD = base64.b64decode(order["password"])


class Session:
    """SMTP over TLS from the first octet."""

    def __init__(self, context, resumed=None):
        raw = socket.create_connection(("localhost", order["port"]), 60, (order["from"], 0))
        self.tls = context.wrap_socket(raw, server_hostname="localhost", session=resumed)
        self.lines = self.tls.makefile("rb")
        self.reply()
        self.ehlo = self.say("EHLO scram.example")

    def reply(self):
        lines = []
        while True:
            line = self.lines.readline().decode().rstrip("\r\n")
            lines.append(line)
            if line[3:4] != "-":
                return lines

    def say(self, text):
        self.tls.sendall(text.encode() + b"\r\n")
        return self.reply()

    def certificate(self):
        return hashlib.sha256(self.tls.getpeercert(binary_form=True)).digest()


def tls_context():
    context = ssl.create_default_context(cafile=order["ca"])
    if order["tls"] == "1.2":
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("ECDHE-" + order["leaf"] + "-AES128-GCM-SHA256")
    else:
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def binding_of(session, attempt):
    """The GS2 header, and what follows it in the octets of c=."""
    kind = attempt["binding"]
    if kind == "none":
        return b"n,,", b""
    if kind == "unseen":
        return b"y,,", b""
    data = session.certificate() if kind == "tls-server-end-point" else secrets.token_bytes(32)
    if kind == "tls-unique":
        data = session.tls.get_channel_binding("tls-unique") or data
    if attempt.get("wrong"):
        data = bytes([data[0] ^ 1]) + data[1:]
    return b"p=" + kind.encode() + b",,", data


def hmac_sha256(key, text):
    return hmac.new(key, text, "sha256").digest()


def log_in(session, attempt):
    """Returns the last reply to AUTH. Raises where the server does not prove that it knows the account."""
    header, data = binding_of(session, attempt)
    nonce = secrets.token_urlsafe(18).encode()
    bare = b"n=" + NAME.replace(b"=", b"=3D").replace(b",", b"=2C") + b",r=" + nonce
    first = base64.b64encode(header + bare).decode()
    reply = session.say("AUTH " + attempt["mechanism"] + " " + first)[-1]
    if not reply.startswith("334 "):
        return reply
    challenge = base64.b64decode(reply[4:], validate=True)
    fields = dict(part.split(b"=", 1) for part in challenge.split(b","))
    assert fields[b"r"].startswith(nonce) and len(fields[b"r"]) > len(nonce), "nonce"
    rounds = int(fields[b"i"])
    assert rounds >= 4096, "iterations"
    salted = hashlib.pbkdf2_hmac("sha256", PASSWORD, base64.b64decode(fields[b"s"], validate=True), rounds)
    key = hmac_sha256(salted, b"Client Key")
    final = b"c=" + base64.b64encode(header + data) + b",r=" + fields[b"r"]
    text = bare + b"," + challenge + b"," + final
    signature = hmac_sha256(hashlib.sha256(key).digest(), text)
    proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature)))
    reply = session.say(base64.b64encode(final + b",p=" + proof).decode())[-1]
    if not reply.startswith("334 "):
        return reply
    evidence = base64.b64encode(hmac_sha256(hmac_sha256(salted, b"Server Key"), text))
    assert base64.b64decode(reply[4:], validate=True) == b"v=" + evidence, "the server's proof"
    return session.say("")[-1]


def send(session, message):
    for line in message[:3]:
        reply = session.say(line)[-1]
        if reply[0] not in "23":
            return reply
    session.tls.sendall("".join(line + "\r\n" for line in message[3:]).encode())
    return session.say(".")[-1]


context = tls_context()
session = Session(context)
if order["resume"]:
    session.say("QUIT")
    session = Session(context, session.tls.session)
done = {"resumed": session.tls.session_reused, "ehlo": session.ehlo, "replies": []}
done["certificate"] = session.certificate().hex()
for attempt in order["attempts"]:
    done["replies"].append(log_in(session, attempt))
    if done["replies"][-1].startswith("235"):
        if order["message"]:
            done["sent"] = send(session, order["message"])
        break
done["noop"] = session.say("NOOP")[-1]
json.dump(done, sys.stdout)
