"""The worker beside flask_rq.py: its job claims the row as Holdfast's worker does, and writes down when.

RQ forks a process for each job, and what a fork shares with its parent is no connection: so each job
has one of its own.
"""

import os
import time

import mysql.connector
import redis
import rq


def connect():
    return mysql.connector.connect(
        unix_socket=os.environ["PEER_MARIADB"],
        user=os.environ["PEER_USER"],
        password=os.environ["PEER_PASSWORD"],
        database=os.environ["PEER_SCHEMA"],
        charset="utf8mb4",
        collation="utf8mb4_general_ci",
        autocommit=False,
    )


def work(job):
    database = connect()
    cursor = database.cursor()
    cursor.execute(
        "UPDATE customer_backup_jobs SET status = 'running', fence = fence + 1, "
        "attempt = attempt + 1, leased_by = 'peer', lease_until = NOW(3) + INTERVAL 60 SECOND, "
        "started_at = NOW(3), updated_at = NOW(3) WHERE uuid = %s AND status = 'pending'",
        (job,),
    )
    cursor.execute(
        "INSERT INTO job_events (job_uuid, event, node, fence, detail) "
        "VALUES (%s, 'claimed', 'peer', 1, 'attempt 1')",
        (job,),
    )
    database.commit()
    with open(os.environ["PEER_CLAIMS"], "a") as claims:
        claims.write(f"{job} {time.time():.6f}\n")


if __name__ == "__main__":
    # Imported by the name that jobs have for it, so that none of them pays for that.
    import rq_worker

    connection = redis.Redis(unix_socket_path=os.environ["PEER_REDIS"])
    rq.Worker([rq.Queue("peer", connection=connection)], connection=connection).work()
