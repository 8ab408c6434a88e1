// A developer's own: small, public, open to read.
using 'main.bicep'

param environmentName = 'dev'
param location = readEnvironmentVariable('AZURE_LOCATION', 'westeurope')
// Who sets up the catalog also looks after it and runs the smoke test.
var who = {
  objectId: readEnvironmentVariable('DATABASE_ADMIN_ID')
  principalName: readEnvironmentVariable('DATABASE_ADMIN_NAME')
  principalType: readEnvironmentVariable('DATABASE_ADMIN_TYPE', 'User')
}
param databaseAdministrator = who
param operator = who
param operatorAddress = readEnvironmentVariable('EVENTSTAC_ADDRESS', '')
param size = 'small'
param apiAccess = 'open'
