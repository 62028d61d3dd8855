# Submits one message with Python's smtplib, as scripts on a LAN do. Everything comes by environment:
# MODE starttls|implicit|login-utf8|login-cp1252, PORT, CA (file), NAME, PASSWORD, SENDER, RECIPIENT, MARKER.
import base64
import os
import smtplib
import ssl
from email.message import EmailMessage

env = os.environ
context = ssl.create_default_context(cafile=env["CA"])
if hasattr(ssl, "VERIFY_X509_STRICT"):
    context.verify_flags |= ssl.VERIFY_X509_STRICT

message = EmailMessage()
message["From"] = env["SENDER"]
message["To"] = env["RECIPIENT"]
message["Subject"] = "from Python " + env["MARKER"]
message.set_content("Grüße aus Python\n.\n..two dots\n")


def manual_login(client, encoding):
    code, text = client.docmd("AUTH", "LOGIN")
    assert (code, text) == (334, b"VXNlcm5hbWU6"), (code, text)
    code, text = client.docmd(base64.b64encode(env["NAME"].encode(encoding)).decode())
    assert (code, text) == (334, b"UGFzc3dvcmQ6"), (code, text)
    code, text = client.docmd(base64.b64encode(env["PASSWORD"].encode(encoding)).decode())
    assert code == 235, (code, text)


port = int(env["PORT"])
if env["MODE"] == "implicit":
    client = smtplib.SMTP_SSL("localhost", port, context=context, timeout=30)
else:
    client = smtplib.SMTP("localhost", port, timeout=30)
    client.starttls(context=context)
with client:
    client.ehlo()
    if env["MODE"] == "login-utf8":
        manual_login(client, "utf-8")
    elif env["MODE"] == "login-cp1252":
        manual_login(client, "cp1252")
    else:
        client.login(env["NAME"], env["PASSWORD"])
    refused = client.send_message(message)
    assert refused == {}, refused
print("sent")
