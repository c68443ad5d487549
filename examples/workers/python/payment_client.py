"""Hand over for certain: `payment.process`, an event in JetStream.

The server acknowledges when the event is stored. Without an acknowledgement publish again, with the same id: the
service charges an id once, however often its event arrives.
"""

import json
import uuid


async def process(nc, user_id, subscription_id, amount, payment_id=None):
    payment_id = payment_id or str(uuid.uuid4())
    # A CloudEvent in binary mode: the attributes are headers.
    headers = {
        "ce-specversion": "1.0",
        "ce-id": payment_id,
        "ce-source": "/python",
        "ce-type": "process",
        "ce-datacontenttype": "application/json",
    }
    payment = {"user_id": user_id, "subscription_id": subscription_id, "amount": amount}
    await nc.jetstream().publish("payment.process", json.dumps(payment).encode(), headers=headers)
    return payment_id
