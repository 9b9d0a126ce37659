// SPDX-License-Identifier: Apache-2.0
// Sets a shop's instances and webhooks up at RyzeAPI, as its users write it (fetch, ws), and waits for events. Run
// again it changes nothing. Of hookswitch it knows the base URL alone.
//
// ryze_setup.js BASE ACCOUNT_TOKEN HOOK_URL HOOK_AUTHORIZATION N_EVENTS NAME...
'use strict'
const assert = require('assert')
const WebSocket = require('ws')

const [base, account, hookUrl, authorization, nEvents, ...names] = process.argv.slice(2)

class RyzeError extends Error {
  constructor (status, message) {
    super(message)
    this.status = status
  }
}

function tell (line) {
  process.stdout.write(JSON.stringify(line) + '\n')
}

async function ryze (method, path, body, token = account) {
  const response = await fetch(new URL(path, base), {
    method,
    headers: { Authorization: `Bearer ${token}`, ...(body && { 'Content-Type': 'application/json' }) },
    body: body && JSON.stringify(body)
  })
  assert(Number(response.headers.get('x-ratelimit-remaining')) >= 0)
  const answer = await response.json()
  if (!response.ok || !answer.success) throw new RyzeError(response.status, answer.error.message)
  return answer
}

async function ensureInstance (name) {
  try {
    const { instance } = await ryze('POST', '/api/instance/new', { name })
    tell({ created: instance.name, status: instance.status })
  } catch (e) {
    if (e.status !== 409) throw e
    tell({ existing: name })
  }
  const { instances } = await ryze('GET', `/api/instance/list?instanceName=${encodeURIComponent(name)}`)
  return instances[0]
}

async function ensureWebhook ({ name, token }) {
  const wanted = {
    label: 'crm', enabled: true, url: hookUrl, authorization, byEvents: false,
    events: ['message.status', 'message.exchange'], mediaBase64: false
  }
  const { webhook } = await ryze('POST', `/api/events/webhook/${name}`, wanted, token)
  assert.deepStrictEqual(webhook, wanted)
  const { webhooks } = await ryze('GET', `/api/events/getWebhook/${name}`, undefined, token)
  assert.deepStrictEqual(webhooks, [wanted])
  const one = await ryze('GET', `/api/events/getWebhook/${name}?label=crm`, undefined, token)
  assert.deepStrictEqual(one.webhook, wanted)
}

async function follow ({ name, token }, onEvent) {
  const wanted = { enabled: true, events: ['message.exchange'], mediaBase64: false }
  const { websocket } = await ryze('POST', `/api/events/websocket/${name}`, wanted, token)
  assert.deepStrictEqual(websocket, wanted)
  const ws = new WebSocket(`${base.replace(/^http/, 'ws')}/ws/${name}`, { headers: { token } })
  ws.on('message', text => onEvent(JSON.parse(text)))
  await new Promise((resolve, reject) => ws.once('open', resolve).once('error', reject))
  return ws
}

async function main () {
  const sockets = []
  let seen = 0
  const done = new Promise(resolve => {
    const onEvent = ({ instanceData, data }) => {
      tell({ instance: instanceData.instance, id: data.id, text: data.message.content })
      if (++seen === Number(nEvents)) resolve()
    }
    main.onEvent = onEvent
    if (Number(nEvents) === 0) resolve()
  })
  for (const name of names) {
    const instance = await ensureInstance(name)
    await ensureWebhook(instance)
    sockets.push(await follow(instance, main.onEvent))
  }
  await assert.rejects(ryze('GET', '/api/instance/list?instanceName=nobody'), { status: 404, message: 'Instance not found' })
  await assert.rejects(ryze('GET', '/api/instance/list', undefined, 'wrong'), { status: 401, message: 'Invalid token' })
  tell({ ready: names })
  await done
  for (const ws of sockets) ws.close()
}

main().catch(e => {
  tell({ failed: e.message, status: e.status })
  process.exitCode = 1
})
