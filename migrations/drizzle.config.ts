import { defineConfig } from 'drizzle-kit'

/** `npm run migrations` writes the next migration from the schema; edit the new file where drizzle cannot say it. */
export default defineConfig({
  dialect: 'sqlite',
  schema: './src/store/schema.ts',
  out: './migrations',
})
