/** The pages of the operator, in one chunk that is fetched with the first of them. */
export { ClientsPage } from './clients.tsx'
export { EventsPage } from './events.tsx'
export { FeedbackPage } from './feedback.tsx'
export { HealthPage } from './health.tsx'
export { ReviewsPage } from './reviews.tsx'
export { SettingsPage } from './settings.tsx'
export { UserPage } from './user.tsx'
export { UsersPage } from './users.tsx'
