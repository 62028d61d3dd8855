# Submits one message with Python's smtplib, as scripts on a LAN do. What to do comes as JSON on stdin.
# Prints "sent", the server's refusal, or "cannot: …" where smtplib cannot put the name or password on the wire.
import base64
import json
import smtplib
import ssl
import sys
from email.message import EmailMessage

order = json.load(sys.stdin)
context = ssl.create_default_context(cafile=order["ca"])
context.verify_flags |= ssl.VERIFY_X509_STRICT

message = EmailMessage()
message["From"] = order["sender"]
message["To"] = order["recipient"]
message["Subject"] = order["subject"]
message.set_content("Grüße aus Python\n.\n..two dots\n")

where = {"port": order["port"], "timeout": 60, "source_address": (order["from"], 0)}
if order["listener"] == "implicit":
    client = smtplib.SMTP_SSL("localhost", context=context, **where)
else:
    client = smtplib.SMTP("localhost", **where)
    client.starttls(context=context)
with client:
    client.ehlo()
    name = order["name"]
    # As os.environ and sys.argv give octets that are not UTF-8 to a program.
    password = base64.b64decode(order["password"]).decode("utf-8", "surrogateescape")
    mechanism = order["mechanism"]
    try:
        if mechanism is None:
            client.login(name, password)
        else:
            client.user, client.password = name, password
            client.auth(mechanism, getattr(client, "auth_" + mechanism.lower().replace("-", "_")))
    except UnicodeEncodeError:
        print("cannot: UnicodeEncodeError")
        sys.exit(1)
    except smtplib.SMTPAuthenticationError as error:
        print(error.smtp_code, error.smtp_error.decode())
        sys.exit(1)
    assert client.send_message(message) == {}
print("sent")
