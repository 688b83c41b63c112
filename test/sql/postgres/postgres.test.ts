/** PostgreSQL over node-postgres, a pool and a client, against a real server. */

import { inject } from 'vitest'
import { conforms } from '../conformance.ts'
import { openClient, openPool, postgresSubject } from '../postgres.ts'

const access = inject('postgres')

conforms(
  'PostgreSQL over a pool of 2',
  postgresSubject(access, 'pool', 2, () => openPool(access, 'pool', 2)),
)
conforms(
  'PostgreSQL over a client',
  postgresSubject(access, 'client', 1, () => openClient(access, 'client')),
)
