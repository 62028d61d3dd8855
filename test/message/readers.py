"""Reads a JSON list of From fields on stdin; writes for each the addresses that Python's readers find in it.

The old reader and the new one, each on the text as it is and with encoded words decoded first, as careless programs do.
"""

import email
import email.policy
import json
import sys
from email.header import decode_header, make_header
from email.utils import getaddresses, parseaddr


def decoded(text):
    try:
        return str(make_header(decode_header(text)))
    except Exception:
        return text


def new_reader(text):
    try:
        message = email.message_from_string("From: " + text + "\n\n", policy=email.policy.default)
        return [address.addr_spec for address in message["from"].addresses]
    except Exception:
        return []


def old_reader(text):
    return [parseaddr(text)[1]] + [address for _, address in getaddresses([text])]


json.dump([old_reader(f) + old_reader(decoded(f)) + new_reader(f) for f in json.load(sys.stdin)], sys.stdout)
