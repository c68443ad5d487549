"""Hand over and forget: `email.send`. At most once, and no answer."""

import json


async def send(nc, to, subject, body):
    mail = {"to": to, "subject": subject, "body": body}
    await nc.publish("email.send", json.dumps(mail).encode())
