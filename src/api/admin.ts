import type { ClientsContext } from '#clients/register.ts'
import type { ProofContext } from '#deliveries/proof.ts'
import type { Server } from '#http/server.ts'
import { adminClientRoutes } from './admin-clients.ts'
import { adminEventRoutes } from './admin-events.ts'
import { adminHealthRoutes, type HealthContext } from './admin-health.ts'
import { adminUserRoutes } from './admin-users.ts'
import { guardOperator, type OperatorContext } from './operator.ts'

export interface AdminContext extends OperatorContext, ClientsContext, ProofContext, HealthContext {
  reenrolWaitMs: number
}

/** What the operator does: by the admin key, or on the operator pages by the role of a user. */
export function adminRoutes(server: Server, context: AdminContext) {
  guardOperator(server, context)
  adminUserRoutes(server, context)
  adminClientRoutes(server, context)
  adminHealthRoutes(server, context)
  adminEventRoutes(server, context)
}
