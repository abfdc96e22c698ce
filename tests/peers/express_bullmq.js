// What scripts/bench measures Holdfast beside: the same admission in Express, with BullMQ.
//
// `node express_bullmq.js web [processes]` or `worker`. The web side checks the same token, signs the
// same order, writes the same rows in one transaction, enqueues, and answers 202; the worker's job claims
// the row as Holdfast's worker does. What Holdfast does beyond that it leaves out, as flask_rq.py does.

"use strict";

const cluster = require("cluster");
const crypto = require("crypto");
const fs = require("fs");
const { Queue, Worker } = require("bullmq");
const express = require("express");
const jwt = require("jsonwebtoken");
const mysql = require("mysql2/promise");

const env = process.env;
const redis = { path: env.PEER_REDIS, maxRetriesPerRequest: null };
const WEEK_SECONDS = 7 * 24 * 3600;

const connect = (connections) =>
    mysql.createPool({
        socketPath: env.PEER_MARIADB,
        user: env.PEER_USER,
        password: env.PEER_PASSWORD,
        database: env.PEER_SCHEMA,
        charset: "utf8mb4",
        connectionLimit: connections,
    });

function serve() {
    const database = connect(16);
    const queue = new Queue("peer", { connection: redis });
    const { privateKey } = crypto.generateKeyPairSync("ed25519");
    const app = express();
    app.disable("x-powered-by");
    app.set("etag", false);
    app.post("/api/v1/customers/:name/backups", express.json(), async (request, response) => {
        const token = request.headers.authorization.slice("Bearer ".length);
        const claims = jwt.verify(token, env.PEER_SECRET, {
            algorithms: ["HS256"],
            issuer: "host",
            audience: "holdfast",
        });
        const name = request.params.name;
        const [[found]] = await database.execute(
            "SELECT c.customer_id, c.uuid, c.pool, n.name AS node FROM backup_customers c " +
                "LEFT JOIN nodes n ON n.pool = c.pool WHERE c.external_id = ?",
            [name],
        );
        const may = claims.customers.includes(name) && claims.scope.split(" ").includes("backup:write");
        if (!found || !may) return response.status(404).json({ title: "There is none" });
        const job = crypto.randomUUID();
        const now = Math.floor(Date.now() / 1000);
        const scope = request.body.scope;
        const order = JSON.stringify({
            version: 1, job, node: found.node, customer: found.customer_id, issued_at: now,
            not_after: now + WEEK_SECONDS, verb: "backup", repository: "main", scope, label: "manual",
        });
        const signature = crypto.sign(null, Buffer.from(order), privateKey).toString("hex");
        const ticket = JSON.stringify({ key: "peer", request: order, signature });
        const actor = `user:${claims.sub}`;
        const connection = await database.getConnection();
        try {
            await connection.query("START TRANSACTION");
            await connection.execute(
                "INSERT INTO customer_backup_jobs (uuid, customer_id, job_type, backup_type, status, " +
                    "created_at, class, pool, repository, ticket, run_after, not_after, requested_by) " +
                    "VALUES (?, ?, 'backup', ?, 'pending', NOW(3), 'manual', ?, 'main', ?, NOW(3), " +
                    "NOW(3) + INTERVAL 7 DAY, ?)",
                [job, found.customer_id, scope, found.pool, ticket, actor],
            );
            await connection.execute(
                "INSERT INTO audit (actor, action, customer_id, job_uuid, detail) VALUES (?, ?, ?, ?, ?)",
                [actor, "backup", found.customer_id, job, scope],
            );
            await connection.query("COMMIT");
        } finally {
            connection.release();
        }
        await queue.add("backup", { job }, { removeOnComplete: true });
        const location = `/api/v1/customers/${found.uuid}/jobs/${job}`;
        response.status(202).location(location).json({ job, status: "pending", location });
    });
    app.listen({ port: Number(env.PEER_PORT), host: "127.0.0.1", backlog: 4096 });
}

function work() {
    const database = connect(2);
    new Worker(
        "peer",
        async ({ data: { job } }) => {
            const connection = await database.getConnection();
            try {
                await connection.query("START TRANSACTION");
                await connection.execute(
                    "UPDATE customer_backup_jobs SET status = 'running', fence = fence + 1, " +
                        "attempt = attempt + 1, leased_by = 'peer', " +
                        "lease_until = NOW(3) + INTERVAL 60 SECOND, started_at = NOW(3), " +
                        "updated_at = NOW(3) WHERE uuid = ? AND status = 'pending'",
                    [job],
                );
                await connection.execute(
                    "INSERT INTO job_events (job_uuid, event, node, fence, detail) " +
                        "VALUES (?, 'claimed', 'peer', 1, 'attempt 1')",
                    [job],
                );
                await connection.query("COMMIT");
            } finally {
                connection.release();
            }
            const now = (performance.timeOrigin + performance.now()) / 1000;
            fs.appendFileSync(env.PEER_CLAIMS, `${job} ${now.toFixed(6)}\n`);
        },
        { connection: redis, concurrency: 2 },
    );
}

const processes = Number(process.argv[3] ?? 1);
if (process.argv[2] === "worker") {
    work();
} else if (processes > 1 && cluster.isPrimary) {
    for (let started = 0; started < processes; started += 1) cluster.fork();
} else {
    serve();
}
