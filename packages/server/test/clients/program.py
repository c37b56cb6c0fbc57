# A program of a user of the client that openapi-python-client generates.
import json
import sys

from sluice_check_service_client import Client
from sluice_check_service_client.api.checks import check, check_request, peek, release, settle
from sluice_check_service_client.api.gateways import auth_forward
from sluice_check_service_client.models import (
    AuthForwardAttributes,
    Check,
    CheckAttributes,
    CheckRequestAttributes,
    Correction,
    Release,
)

client = Client(base_url=sys.argv[1])
lines = []


def attributes(kind, **values):
    made = kind()
    made.additional_properties = values
    return made


first = check_request.sync_detailed(client=client, cost=2, attributes=attributes(CheckRequestAttributes, user="ada"))
lines.append([int(first.status_code), first.parsed.remaining])

user = attributes(CheckAttributes, user="ada")
answers = check.sync(client=client, body=[Check(attributes=user, cost=3), Check(attributes=user, cost=9)])
lines.append([[a.allowed, a.status, a.remaining, a.limits[0].name] for a in answers])

decision = answers[0].decision
lines.append(settle.sync(client=client, body=Correction(decision=decision, cost=1)).to_dict())
lines.append([a.to_dict() for a in release.sync(client=client, body=[Release(decision=decision)])])
lines.append(peek.sync(client=client, body=Check(attributes=user)).remaining)

wrong = check.sync_detailed(client=client, body=Check(path="no slash"))
lines.append([int(wrong.status_code), wrong.parsed.code])

mapped = AuthForwardAttributes()
mapped.additional_properties = {"attribute.user": "value:ada"}
lines.append(int(auth_forward.sync_detailed(client=client, attributes=mapped).status_code))
print(json.dumps(lines))
