"""What scripts/bench measures Holdfast beside: the same admission in Flask under gunicorn, with RQ.

It checks the same token, signs the same order, writes the same rows in one transaction, enqueues, and
answers 202. What Holdfast does beyond that (what a lost commit means, what belongs to whom, problems for
people, a log) it leaves out: it is as fast as the stack is. The worker is rq_worker.py.
"""

import json
import os
import threading
import time
import uuid

import jwt
import redis
import rq
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask, request

from rq_worker import connect

WEEK_SECONDS = 7 * 24 * 3600

app = Flask(__name__)
key = Ed25519PrivateKey.generate()
secret = os.environ["PEER_SECRET"]
queue = rq.Queue("peer", connection=redis.Redis(unix_socket_path=os.environ["PEER_REDIS"]))
of_thread = threading.local()


def connection():
    if not hasattr(of_thread, "connection"):
        of_thread.connection = connect()
    return of_thread.connection


@app.post("/api/v1/customers/<name>/backups")
def backup(name):
    token = request.headers["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, secret, algorithms=["HS256"], issuer="host", audience="holdfast")
    if name not in claims["customers"] or "backup:write" not in claims["scope"].split():
        return {"title": "There is none"}, 404
    scope = request.get_json()["scope"]
    database = connection()
    cursor = database.cursor()
    cursor.execute(
        "SELECT c.customer_id, c.uuid, c.pool, n.name FROM backup_customers c "
        "LEFT JOIN nodes n ON n.pool = c.pool WHERE c.external_id = %s",
        (name,),
    )
    found = cursor.fetchone()
    if found is None:
        return {"title": "There is none"}, 404
    customer, customer_uuid, pool, node = found
    job, now = str(uuid.uuid4()), int(time.time())
    order = json.dumps({
        "version": 1, "job": job, "node": node, "customer": customer, "issued_at": now,
        "not_after": now + WEEK_SECONDS, "verb": "backup", "repository": "main", "scope": scope,
        "label": "manual",
    })
    ticket = json.dumps({"key": "peer", "request": order, "signature": key.sign(order.encode()).hex()})
    actor = "user:" + claims["sub"]
    cursor.execute(
        "INSERT INTO customer_backup_jobs (uuid, customer_id, job_type, backup_type, status, "
        "created_at, class, pool, repository, ticket, run_after, not_after, requested_by) "
        "VALUES (%s, %s, 'backup', %s, 'pending', NOW(3), 'manual', %s, 'main', %s, NOW(3), "
        "NOW(3) + INTERVAL 7 DAY, %s)",
        (job, customer, scope, pool, ticket, actor),
    )
    cursor.execute(
        "INSERT INTO audit (actor, action, customer_id, job_uuid, detail) VALUES (%s, %s, %s, %s, %s)",
        (actor, "backup", customer, job, scope),
    )
    database.commit()
    cursor.close()
    queue.enqueue("rq_worker.work", job, result_ttl=0)
    location = f"/api/v1/customers/{customer_uuid}/jobs/{job}"
    return {"job": job, "status": "pending", "location": location}, 202, {"Location": location}
