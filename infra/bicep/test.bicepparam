// Where a release is tried: on the same machines as prod, for PgBouncer and the limits of instances are tried with it, but
// without a standby, backups in two regions and instances that always run.
using 'main.bicep'

param environmentName = 'test'
param location = readEnvironmentVariable('AZURE_LOCATION', 'westeurope')
// Who sets up the catalog also looks after it and runs the smoke test.
var who = {
  objectId: readEnvironmentVariable('DATABASE_ADMIN_ID')
  principalName: readEnvironmentVariable('DATABASE_ADMIN_NAME')
  principalType: readEnvironmentVariable('DATABASE_ADMIN_TYPE', 'User')
}
param databaseAdministrator = who
param operator = who
// `none`: it sets up the database from inside Azure, whose addresses are let in anyhow.
var address = readEnvironmentVariable('EVENTSTAC_ADDRESS', '')
param operatorAddress = address == 'none' ? '' : address
param size = 'large'
param apiAccess = 'entra'
param apiClientId = readEnvironmentVariable('EVENTSTAC_API_CLIENT_ID')
param pgBouncer = true
param alertMail = map(split(readEnvironmentVariable('EVENTSTAC_ALERT_MAIL'), ','), address => trim(address))
